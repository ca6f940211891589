// Whether somebody's secret is right. Failures take the same time whatever was wrong, so that nobody learns which names
// exist; who comes again with the same secret pays for a password's scrypt once a minute, not each time.
import { createHmac, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './clock.ts';
import { hashPassword, verifySecret } from './secret.ts';

/** `stored` resolves to the hash under that name; null = there is no such name. */
export type SecretCheck = (name: string, secret: string, stored: Promise<string | null>) => Promise<boolean>;

const VERIFIED_FRESH_MS = 60_000;
/** Failures end together, whatever was wrong: longer than any of the hashes takes. */
const FAILURE_TAKES_MS = 400;
const MAX_REMEMBERED = 10_000;

export function createSecretCheck(clock: Clock): SecretCheck {
  const verified = new Map<string, { readonly secretHash: string; readonly until: number }>();
  const memoryKey = randomBytes(32);
  const decoy = hashPassword(randomBytes(16).toString('hex'));

  return async (name, secret, stored) => {
    const startedAt = clock();
    if (await matches(name, secret, await stored)) return true;
    await sleep(Math.max(0, FAILURE_TAKES_MS - (clock() - startedAt)));
    return false;
  };

  async function matches(name: string, secret: string, secretHash: string | null): Promise<boolean> {
    if (secretHash === null) return (await verifySecret(secret, await decoy)) && false;
    const fingerprint = createHmac('sha256', memoryKey).update(`${name}\0${secret}`).digest('base64');
    const known = verified.get(fingerprint);
    if (known && known.until > clock() && known.secretHash === secretHash) return true;
    if (!(await verifySecret(secret, secretHash))) {
      // A token's hash is fast: under load, when scrypt takes longer than all failures should, it would stand out.
      if (!isSlow(secretHash)) await verifySecret(secret, await decoy);
      return false;
    }
    // Forgets all rather than growing: it costs one look each.
    if (verified.size >= MAX_REMEMBERED) verified.clear();
    verified.set(fingerprint, { secretHash, until: clock() + VERIFIED_FRESH_MS });
    return true;
  }
}

function isSlow(secretHash: string): boolean {
  return secretHash.startsWith('scrypt$');
}
