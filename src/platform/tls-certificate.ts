// The certificate that we present: the operator's, or one made at first start (ECDSA P-256) and kept in the data directory.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';

export type Certificate = { readonly cert: string; readonly key: string; readonly selfSigned: boolean };

const VALID_DAYS = 3650;

export async function loadCertificate(options: {
  certPath: string | null;
  keyPath: string | null;
  dataDir: string;
  hostname: string;
}): Promise<Certificate> {
  if (options.certPath && options.keyPath) {
    const [cert, key] = await Promise.all([readFile(options.certPath, 'utf8'), readFile(options.keyPath, 'utf8')]);
    assertUsable(cert, key);
    return { cert, key, selfSigned: false };
  }
  return (await readSelfSigned(options.dataDir)) ?? makeSelfSigned(options.dataDir, options.hostname);
}

/** One clear line for the operator. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

function assertUsable(cert: string, key: string): void {
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new CertificateError(
      `POSTERN_TLS_CERT and POSTERN_TLS_KEY are no certificate with its key: ${(cause as Error).message}`,
      { cause },
    );
  }
}

const paths = (dataDir: string) => ({ cert: join(dataDir, 'tls-cert.pem'), key: join(dataDir, 'tls-key.pem') });

async function readSelfSigned(dataDir: string): Promise<Certificate | null> {
  const { cert, key } = paths(dataDir);
  try {
    return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8'), selfSigned: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The key first, and the certificate under its name only when it is whole: a start that dies in between makes a new pair. */
async function makeSelfSigned(dataDir: string, hostname: string): Promise<Certificate> {
  const notBeforeDate = new Date();
  const notAfterDate = new Date(notBeforeDate.getTime() + VALID_DAYS * 86_400_000);
  // Needed once in the life of a data directory.
  const { generate } = await import('selfsigned');
  const made = await generate([{ name: 'commonName', value: hostname }], {
    keyType: 'ec',
    curve: 'P-256',
    // Its default is SHA-1.
    algorithm: 'sha256',
    notBeforeDate,
    notAfterDate,
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: hostname },
          { type: 2, value: 'localhost' },
        ],
      },
    ],
  });
  const { cert, key } = paths(dataDir);
  await writeFile(key, made.private, { mode: 0o600, flush: true });
  await writeFile(`${cert}.new`, made.cert, { mode: 0o644, flush: true });
  await rename(`${cert}.new`, cert);
  return { cert: made.cert, key: made.private, selfSigned: true };
}
