import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadCertificate } from '../../src/platform/tls-certificate.ts';

it('a certificate that is none is named with its settings', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'certificate-'));
  const path = join(dataDir, 'bad.pem');
  await writeFile(path, 'garbage');
  await expect(loadCertificate({ certPath: path, keyPath: path, dataDir, hostname: 'x' })).rejects.toThrow(
    /POSTERN_TLS_CERT and POSTERN_TLS_KEY/,
  );
});

it('the one made at first start is the one of the next', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'certificate-'));
  const options = { certPath: null, keyPath: null, dataDir, hostname: 'gateway.test' };
  const made = await loadCertificate(options);
  expect(await loadCertificate(options)).toEqual(made);
});
