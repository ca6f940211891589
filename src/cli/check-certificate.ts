// For `postern doctor`: whether the certificate can be read, belongs to its key, and will still hold in a fortnight.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Settings } from '../platform/settings.ts';
import type { Finding } from './finding.ts';

const RENEW_BEFORE_MS = 14 * 86_400_000;

/** Nothing to say of the one that we make ourselves. */
export async function checkCertificate(settings: Settings, now: number): Promise<Finding[]> {
  const { POSTERN_TLS_CERT: certPath, POSTERN_TLS_KEY: keyPath } = settings;
  if (certPath === null || keyPath === null) return [];
  const [cert, key] = await Promise.all([certPath, keyPath].map(path => readFile(path).catch(() => null)));
  const missing = [cert ? [] : certPath, key ? [] : keyPath].flat();
  const todo = 'check POSTERN_TLS_CERT and POSTERN_TLS_KEY';
  if (!cert || !key) return missing.map(path => ({ check: 'TLS', ok: false, detail: `${path} cannot be read`, todo }));
  try {
    const certificate = new X509Certificate(cert);
    if (!certificate.checkPrivateKey(createPrivateKey(key)))
      return [{ check: 'TLS', ok: false, detail: `${keyPath} is not the key of ${certPath}`, todo }];
    return [judgeDates(certPath, certificate, now)];
  } catch (error) {
    return [{ check: 'TLS', ok: false, detail: `${certPath}, ${keyPath}: ${(error as Error).message}`, todo }];
  }
}

function judgeDates(path: string, certificate: X509Certificate, now: number): Finding {
  const until = certificate.validToDate.getTime();
  const day = certificate.validToDate.toISOString().slice(0, 10);
  const todo = 'renew it, then restart the gateway';
  if (until <= now) return { check: 'TLS', ok: false, detail: `${path} ended on ${day}`, todo };
  if (until - now < RENEW_BEFORE_MS) return { check: 'TLS', ok: false, detail: `${path} ends on ${day}`, todo };
  return { check: 'TLS', ok: true, detail: `${path}, until ${day}` };
}
