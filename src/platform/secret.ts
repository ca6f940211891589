// Secrets as they are stored. Tokens that we made carry 160 bits: a salted fast hash is right for them. What a person
// chose is guessable and gets scrypt (RFC 7914).
import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const scryptAsync = promisify<Buffer, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);
const SCRYPT = { N: 16_384, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const KEY_BYTES = 32;

export function newToken(): string {
  return `pt_${randomBytes(20).toString('hex')}`;
}

/** Of the API: it names itself, so that its row is found by key and its secret is compared once. */
export function newApiToken(tokenId: string): string {
  return `pat_${tokenId}_${randomBytes(20).toString('hex')}`;
}

/** null for what no `newApiToken` made. */
export function idOfApiToken(token: string): string | null {
  return /^pat_([0-9A-Z]{26})_[0-9a-f]{40}$/.exec(token)?.[1] ?? null;
}

/** For secrets that `newToken` and `newApiToken` made. */
export function hashToken(token: string): string {
  const salt = randomBytes(16).toString('base64url');
  return `hmac-sha256$${salt}$${hmac(token, salt).toString('base64url')}`;
}

/** For secrets that a person chose. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await scryptAsync(Buffer.from(password), salt, KEY_BYTES, SCRYPT);
  return `scrypt$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

export async function verifySecret(secret: string, stored: string): Promise<boolean> {
  const [scheme, salt = '', hash = ''] = stored.split('$');
  const expected = Buffer.from(hash, 'base64url');
  const actual =
    scheme === 'scrypt'
      ? await scryptAsync(Buffer.from(secret), Buffer.from(salt, 'base64url'), KEY_BYTES, SCRYPT)
      : hmac(secret, salt);
  return expected.length === actual.length && timingSafeEqual(actual, expected);
}

function hmac(secret: string, salt: string): Buffer {
  return createHmac('sha256', salt).update(secret).digest();
}
