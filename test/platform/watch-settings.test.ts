import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { watchSettings } from '../../src/platform/watch-settings.ts';
import { eventually } from '../support/eventually.ts';

const directory = mkdtempSync(join(tmpdir(), 'watch-'));
afterAll(() => rmSync(directory, { recursive: true }));

it('tells of a file that comes, changes and goes, each time once it stands', async () => {
  const file = join(directory, 'postern.yaml');
  let told = 0;
  const unwatch = watchSettings(file, () => {
    told += 1;
  });
  try {
    writeFileSync(file, 'POSTERN_MODE: live\n');
    await eventually(async () => expect(told).toBe(1));
    writeFileSync(file, 'POSTERN_MODE: capture\n');
    await eventually(async () => expect(told).toBe(2));
    unlinkSync(file);
    await eventually(async () => expect(told).toBe(3));
    process.emit('SIGHUP');
    expect(told).toBe(4);
  } finally {
    unwatch();
  }
});
