import { spawn } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { DataDirectoryError, openDataDirectory } from '../../src/platform/data-directory.ts';
import { isRoot, makeRig } from './embedded-postgres/rig.ts';

const rig = makeRig();

const module = new URL('../../src/platform/data-directory.ts', import.meta.url).href;
const OPENS = `import { openDataDirectory } from ${JSON.stringify(module)};`;

describe('the data directory', () => {
  it('is created with mode 700 and opened by one gateway at a time', async () => {
    const path = join(rig.directory(), 'new', 'data');
    const directory = await openDataDirectory(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await expect(openDataDirectory(path)).rejects.toThrow(`in use by pid ${process.pid}`);
    await directory.release();
    await directory.release();
    await (await openDataDirectory(path)).release();
  });

  it('is free again when its holder was killed, whoever has its pid by now', async () => {
    const path = rig.directory();
    const holder = run(
      `${OPENS} await openDataDirectory(process.argv[1]); console.log(); setTimeout(() => {}, 60_000);`,
      path,
    );
    await new Promise(resolve => holder.stdout.once('data', resolve));
    await expect(openDataDirectory(path)).rejects.toThrow(`in use by pid ${holder.pid}`);
    holder.kill('SIGKILL');
    await new Promise(resolve => holder.once('exit', resolve));
    writeFileSync(join(path, 'gateway.lock.pid'), `${process.ppid}\n`);
    await (await openDataDirectory(path)).release();
  });

  it('stays held when nobody refers to it any more', async () => {
    const path = rig.directory();
    const script = `${OPENS} await openDataDirectory(process.argv[1]); gc(); setTimeout(() => { gc(); console.log(); }, 10);
      process.stdin.resume();`;
    const holder = run(script, path);
    await new Promise(resolve => holder.stdout.once('data', resolve));
    await expect(openDataDirectory(path)).rejects.toThrow(`in use by pid ${holder.pid}`);
  });

  it('is opened by exactly one of many who try at once', async () => {
    const path = rig.directory();
    const attempt = `${OPENS}
      await openDataDirectory(process.argv[1]).then(() => console.log('mine'), () => console.log('in use'));
      process.stdin.resume();`;
    const rivals = Array.from({ length: 4 }, () => run(attempt, path));
    const first = (rival: (typeof rivals)[number]) =>
      new Promise<string>(r => rival.stdout.once('data', d => r(`${d}`)));
    const said = await Promise.all(rivals.map(first));
    for (const rival of rivals) rival.stdin.end();
    expect(said.sort()).toEqual(['in use\n', 'in use\n', 'in use\n', 'mine\n']);
  });

  it('that cannot be made is one clear line', async () => {
    const file = join(rig.directory(), 'file');
    writeFileSync(file, '');
    const error = await openDataDirectory(join(file, 'data')).catch(reason => reason);
    expect(error).toBeInstanceOf(DataDirectoryError);
    expect(error.message).toMatch(/^cannot write to the data directory .*file\/data as uid \d+: ENOTDIR.*$/);
  });

  it(`that belongs to somebody else is one clear line${isRoot ? '' : ' (skipped: needs root)'}`, async context => {
    if (!isRoot) return context.skip('needs root to become another user');
    const path = rig.directory();
    const child = run(
      `${OPENS} await openDataDirectory(process.argv[1]).catch(e => console.log(e.message))`,
      path,
      65534,
    );
    expect(await text(child.stdout)).toMatch(/^cannot write to the data directory .* as uid 65534: .*\n$/);
  });
});

function run(script: string, path: string, uid?: number) {
  const args = ['--expose-gc', '--input-type=module', '--eval', script, path];
  const child = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  rig.undo(() => child.kill('SIGKILL'));
  return child;
}
