import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadReturnPathKeys } from '../../src/platform/return-path-key.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'return-path-'));
});
afterEach(() => rm(dataDir, { recursive: true }));
const file = () => join(dataDir, 'return-path-key');

it('is made once, for its owner only, and is the same from then on', async () => {
  const [first, second] = await Promise.all([loadReturnPathKeys(dataDir, null), loadReturnPathKeys(dataDir, null)]);
  expect(first).toEqual(second);
  expect(await loadReturnPathKeys(dataDir, null)).toEqual(first);
  expect((await stat(file())).mode & 0o777).toBe(0o600);
  expect(first[0]!.secret).toHaveLength(32);
  expect(await readFile(file(), 'utf8')).not.toContain(first[0]!.secret.toString('hex'));
});

it('comes from the secret that machines share, without a file', async () => {
  const [here] = await loadReturnPathKeys(dataDir, Buffer.from('shared secret'));
  const elsewhere = await mkdtemp(join(tmpdir(), 'return-path-'));
  expect(await loadReturnPathKeys(elsewhere, Buffer.from('shared secret'))).toEqual([here]);
  expect((await loadReturnPathKeys(elsewhere, Buffer.from('another')))[0]!.id).not.toBe(here!.id);
  await rm(elsewhere, { recursive: true });
});

it('still believes the older lines of the file', async () => {
  const [old] = await loadReturnPathKeys(dataDir, null);
  await writeFile(file(), `${'ab'.repeat(32)}\n${await readFile(file(), 'utf8')}`);
  const keys = await loadReturnPathKeys(dataDir, null);
  expect(keys).toHaveLength(2);
  expect(keys[1]).toEqual(old);
  expect(await loadReturnPathKeys(dataDir, Buffer.from('secret'))).toHaveLength(3);
});

it('complains about a file that holds something else', async () => {
  await writeFile(file(), 'hello\n');
  await expect(loadReturnPathKeys(dataDir, null)).rejects.toThrow('line 1 is not a key');
});
