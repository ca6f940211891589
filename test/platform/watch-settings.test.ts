import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { versionOf, watchSettings } from '../../src/platform/watch-settings.ts';
import { eventually } from '../support/eventually.ts';

const directory = mkdtempSync(join(tmpdir(), 'watch-'));
const file = join(directory, 'postern.yaml');
let unwatch = () => {};
afterEach(() => unwatch());
afterAll(() => rmSync(directory, { recursive: true }));

it('tells of a file that comes, changes and goes, and of SIGHUP', async () => {
  let told = 0;
  unwatch = watchSettings(file, await versionOf(file), () => {
    told += 1;
  });
  writeFileSync(file, 'POSTERN_MODE: live\n');
  await eventually(() => expect(told).toBe(1));
  writeFileSync(file, 'POSTERN_MODE: capture\n');
  await eventually(() => expect(told).toBe(2));
  unlinkSync(file);
  await eventually(() => expect(told).toBe(3));
  process.emit('SIGHUP');
  expect(told).toBe(4);
});

it('tells of what changed since the settings were read, though nobody watched then', async () => {
  writeFileSync(file, 'POSTERN_MODE: live\n');
  const read = await versionOf(file);
  writeFileSync(file, 'POSTERN_MODE: capture\n');
  let told = 0;
  unwatch = watchSettings(file, read, () => {
    told += 1;
  });
  await eventually(() => expect(told).toBe(1));
});
