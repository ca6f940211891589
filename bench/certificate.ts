// Key material for one run, made by openssl(1).
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** A self-signed ECDSA P-256 certificate, what most mail servers have today; signing with RSA would cost several times as much. */
export function makeCertificate(directory: string): { cert: string; key: string } {
  const cert = join(directory, 'cert.pem');
  const key = join(directory, 'key.pem');
  const subject = ['-subj', '/CN=relay.bench.example', '-days', '2'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  return { cert, key };
}

/** The ready group of RFC 7919. A relay that has none makes one by itself: seconds of CPU that would look like its work. */
export function makeDhParameters(): string {
  const group = ['-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048'];
  return execFileSync('openssl', ['genpkey', '-genparam', ...group], { encoding: 'utf8' });
}
