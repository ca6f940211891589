import { describe, expect, it } from 'vitest';
import { createAuthenticate, createNoteUse } from '../../relay/authenticate.ts';
import { hashPassword, hashToken } from '../../src/platform/secret.ts';
import type { Credential } from '../../src/store/credentials.ts';

const TOKEN = 'pt_0123456789abcdef0123456789abcdef01234567';
const credential = (name: string, secretHash: string): Credential => ({
  ...{
    credentialId: `id-of-${name}`,
    tenantId: 'default',
    name,
    secretHash,
    mode: null,
    fromDomains: [],
    networks: [],
  },
  ...{ authentication: 'observe', overQuota: 'defer', onSuppressed: 'accept', controlHeaders: true, dsn: 'asked' },
  ...{ createdAt: new Date(0), lastUsedAt: null },
});

async function knowing() {
  const state = { now: 0, found: [] as string[], used: [] as string[] };
  const credentials = new Map([
    ['machine', credential('machine', hashToken(TOKEN))],
    ['person', credential('person', await hashPassword('correct horse'))],
  ]);
  const authenticate = createAuthenticate({
    find: async name => {
      state.found.push(name);
      return credentials.get(name) ?? null;
    },
    noteUse: id => void state.used.push(id),
    defaultMode: 'capture',
    // Each look at the clock is a second later: nothing waits for it.
    clock: () => {
      state.now += 1_000;
      return state.now;
    },
  });
  return { state, credentials, authenticate };
}

describe('a name and a secret', () => {
  it.each([
    ['machine', TOKEN],
    ['person', 'correct horse'],
  ])('are %s, and each use is noted', async (name, secret) => {
    const { authenticate, state } = await knowing();
    const identity = { credentialName: name, tenantId: 'default', mode: 'capture' };
    expect(await authenticate(name, secret)).toMatchObject(identity);
    expect(await authenticate(name, secret)).toMatchObject(identity);
    expect(state.used).toEqual([`id-of-${name}`, `id-of-${name}`]);
  });

  it.each([
    ['machine', 'wrong'],
    ['machine', ''],
    ['person', 'wrong'],
    ['person', TOKEN],
    ['nobody', TOKEN],
    ['', ''],
  ])('are nobody: %j with %j', async (name, secret) => {
    const { authenticate, state } = await knowing();
    expect(await authenticate(name, secret)).toBeNull();
    expect(state.used).toEqual([]);
  });

  it('are nobody, and not looked up, when the name is longer than any', async () => {
    const { authenticate, state } = await knowing();
    expect(await authenticate('x'.repeat(256), TOKEN)).toBeNull();
    expect(await authenticate('x'.repeat(255), TOKEN)).toBeNull();
    expect(state.found).toEqual(['x'.repeat(255)]);
  });

  it('are remembered for no longer than a changed credential may still work', async () => {
    const { authenticate, credentials } = await knowing();
    expect(await authenticate('machine', TOKEN)).not.toBeNull();
    credentials.delete('machine');
    await authenticate('nobody', 'x');
    expect(await authenticate('machine', TOKEN)).toBeNull();
  });
});

it('the use of a credential is written once a minute', () => {
  let now = 1_000_000;
  const touched: (readonly string[])[] = [];
  const noteUse = createNoteUse(
    async ids => void touched.push(ids),
    () => now,
  );
  for (const [id, passes] of [
    ['a', 0],
    ['a', 59_999],
    ['b', 0],
    ['a', 1],
    ['a', 0],
  ] as const) {
    now += passes;
    noteUse(id);
  }
  expect(touched).toEqual([['a'], ['b'], ['a']]);
});
