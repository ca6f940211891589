// A pair of new DKIM keys for a domain: RSA-2048, which everybody verifies, and Ed25519 (RFC 8463), which is short.
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Sealer } from '../../src/platform/sealing.ts';
import type { NewDkimKey } from '../../src/store/dkim-keys.ts';
import { sealedFor } from '../signing/key-ring.ts';

const generate = promisify(generateKeyPair);

/** `taken` are selectors that the domain has. The private keys are sealed before they leave this function. */
export async function makeKeys(
  domain: string,
  options: { now: Date; taken: readonly string[]; sealer: Sealer },
): Promise<NewDkimKey[]> {
  const [rsa, ed25519] = await Promise.all([generate('rsa', { modulusLength: 2048 }), generate('ed25519')]);
  const made = (algorithm: NewDkimKey['algorithm'], privateKey: KeyObject, publicKey: string): NewDkimKey => {
    const selector = newSelector(algorithm, options.now, options.taken);
    const secret = privateKey.export({ format: 'der', type: 'pkcs8' });
    const sealedPrivateKey = options.sealer.seal(secret, sealedFor(domain, selector));
    return { domain, selector, algorithm, publicKey, sealedPrivateKey };
  };
  return [
    made('rsa-sha256', rsa.privateKey, rsa.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')),
    made('ed25519-sha256', ed25519.privateKey, rawEd25519(ed25519.publicKey)),
  ];
}

/** `p202611r`: ours, of that month, RSA; a digit behind it when there is one already. */
export function newSelector(algorithm: NewDkimKey['algorithm'], now: Date, taken: readonly string[]): string {
  const month = now.toISOString().slice(0, 7).replace('-', '');
  const base = `p${month}${algorithm === 'rsa-sha256' ? 'r' : 'e'}`;
  let selector = base;
  for (let n = 2; taken.includes(selector); n += 1) selector = `${base}${n}`;
  return selector;
}

/** RFC 8463 section 4: the 32 bytes, without the structure that is around RSA keys. */
function rawEd25519(publicKey: KeyObject): string {
  return Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('base64');
}
