import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSealer, loadSealer, parseSecretKey, SealError, sealedUnder } from '../../src/platform/sealing.ts';

const KEY = Buffer.alloc(32, 7);

describe('a sealed secret', () => {
  const sealer = createSealer(KEY);

  it('opens to what was sealed, whatever it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3_000 }), fc.string(), (secret, context) => {
        const sealed = sealer.seal(Buffer.from(secret), context);
        expect(sealer.open(sealed, context)).toEqual(Buffer.from(secret));
        expect(sealed.length).toBe(secret.length + 37);
      }),
    );
  });

  it('is different each time, and does not contain the secret', () => {
    const secret = randomBytes(64);
    const [one, other] = [sealer.seal(secret, 'a'), sealer.seal(secret, 'a')];
    expect(one).not.toEqual(other);
    expect(one.includes(secret.subarray(0, 8))).toBe(false);
  });

  it('says when it is under another key, and under which', () => {
    const other = createSealer(Buffer.alloc(32, 8));
    const sealed = other.seal(Buffer.from('x'), 'example.com p1');
    expect(sealedUnder(sealed)).toBe(other.keyId);
    expect(() => sealer.open(sealed, 'example.com p1')).toThrow(
      `example.com p1 is encrypted under another key (${other.keyId}, ours is ${sealer.keyId})`,
    );
    expect(failure(() => sealer.open(sealed, 'example.com p1'))).toBe('another-key');
  });

  it('does not open in another place', () => {
    const sealed = sealer.seal(Buffer.from('x'), 'example.com p1');
    expect(failure(() => sealer.open(sealed, 'example.com p2'))).toBe('damaged');
  });

  it('does not open when one bit of it is different, or a byte is missing', () => {
    const sealed = sealer.seal(Buffer.from('secret'), 'a');
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(failure(() => sealer.open(changed, 'a'))).toMatch(/damaged|another-key/);
    }
    for (let length = 0; length < sealed.length; length += 1)
      expect(failure(() => sealer.open(sealed.subarray(0, length), 'a'))).toMatch(/damaged|another-key/);
  });

  function failure(attempt: () => unknown): string {
    try {
      attempt();
    } catch (error) {
      if (error instanceof SealError) return error.reason;
      throw error;
    }
    return 'opened';
  }
});

it.each([
  [KEY.toString('base64'), true],
  [KEY.toString('base64url'), true],
  [KEY.toString('hex'), true],
  [KEY.toString('hex').toUpperCase(), true],
  [KEY.subarray(1).toString('base64'), false],
  [Buffer.alloc(33).toString('base64'), false],
  [KEY.toString('hex').slice(1), false],
  ['correct horse battery staple correct horse!', false],
  ['', false],
])('%j as a key: %s', (text, isKey) => {
  expect(parseSecretKey(text)?.equals(KEY) ?? false).toBe(isKey);
});

describe('the key', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sealing-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  it('is made once in the data directory, for its owner only, even by several at a time', async () => {
    const sealers = await Promise.all(Array.from({ length: 8 }, () => loadSealer({ secretKey: null, dataDir })));
    expect(new Set(sealers.map(sealer => sealer.keyId)).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['secret-key']);
    expect((await stat(join(dataDir, 'secret-key'))).mode & 0o777).toBe(0o600);
    expect((await loadSealer({ secretKey: null, dataDir })).keyId).toBe(sealers[0]!.keyId);
  });

  it('of the settings comes first, and then no file is made', async () => {
    expect((await loadSealer({ secretKey: KEY, dataDir })).keyId).toBe(createSealer(KEY).keyId);
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('that is not whole is not replaced: what is sealed under it would be lost', async () => {
    const path = join(dataDir, 'secret-key');
    await writeFile(path, 'half a k');
    await expect(loadSealer({ secretKey: null, dataDir })).rejects.toThrow(`${path} is not a key`);
    expect(await readFile(path, 'utf8')).toBe('half a k');
  });
});
