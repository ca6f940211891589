import { describe, expect, it } from 'vitest';
import {
  hashPassword,
  hashToken,
  idOfApiToken,
  newApiToken,
  newToken,
  verifySecret,
} from '../../src/platform/secret.ts';

describe('a stored secret', () => {
  it('of ours is 160 bits, new each time, and matches only itself', async () => {
    const token = newToken();
    expect(token).toMatch(/^pt_[0-9a-f]{40}$/);
    expect(newToken()).not.toBe(token);
    const stored = hashToken(token);
    expect(stored).not.toContain(token);
    expect(await verifySecret(token, stored)).toBe(true);
    expect(await verifySecret(newToken(), stored)).toBe(false);
    expect(await verifySecret('', stored)).toBe(false);
  });

  it('of a person is hashed slowly, with its own salt', async () => {
    const [one, two] = await Promise.all([hashPassword('wörd'), hashPassword('wörd')]);
    expect(one).toMatch(/^scrypt\$/);
    expect(one).not.toBe(two);
    expect(await verifySecret('wörd', one)).toBe(true);
    expect(await verifySecret('word', one)).toBe(false);
  });

  it('that cannot be read matches nothing', async () => {
    for (const stored of ['', 'x', 'scrypt$$', 'hmac-sha256$a$', 'md5$a$b']) {
      expect(await verifySecret('', stored)).toBe(false);
      expect(await verifySecret('a', stored)).toBe(false);
    }
  });
});

it('a token of the API names its row, and is 160 bits beside that', async () => {
  const id = '01HF7YAT00ABCDEFGHJKMNPQRT';
  const token = newApiToken(id);
  expect(token).toMatch(/^pat_01HF7YAT00ABCDEFGHJKMNPQRT_[0-9a-f]{40}$/);
  expect(newApiToken(id)).not.toBe(token);
  expect(idOfApiToken(token)).toBe(id);
  expect(await verifySecret(token, hashToken(token))).toBe(true);
  for (const other of ['', newToken(), `${token}0`, `x${token}`, token.toUpperCase(), `pat_${id}_`, `pat_${id}`])
    expect(idOfApiToken(other)).toBeNull();
});
