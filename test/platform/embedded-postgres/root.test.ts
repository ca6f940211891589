// Who runs PostgreSQL when we are root, and where. Everything here needs root and is skipped, by name, without it.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseAccount, otherUser } from '../../../src/platform/embedded-postgres/account.ts';
import { locateBinaries, reachableBinaries } from '../../../src/platform/embedded-postgres/binaries.ts';
import { runProgram } from '../../../src/platform/embedded-postgres/run-program.ts';
import { canMount, isRoot, makeRig, mountOnly, processesBelow, query, rootOnly } from './rig.ts';

const rig = makeRig();

describe.skipIf(!isRoot)(`as root${rootOnly}`, () => {
  it('runs below a directory that only root may enter', async () => {
    const dataDir = join(closedDirectory(), 'data');
    const database = await rig.start({ dataDir, shelter: openDirectory() });
    expect(await query(database.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('borrows another user, in the data directory where that user can enter it', async () => {
    const { account, dataDir } = await borrowed(rig.directory());
    chmodSync(dataDir, 0o755);
    await roundTrip({ dataDir, account });
    expect(statSync(join(dataDir, 'postgres/cluster')).uid).toBe(account.uid);
    expect(statSync(join(dataDir, 'postgres/password')).uid).toBe(0);
    // Left to itself the next start lets the owner of the cluster run it.
    expect(await chooseAccount(join(dataDir, 'postgres/cluster'))).toEqual(account);
  });

  it.skipIf(!canMount)(`borrows another user by itself where user namespaces are forbidden${mountOnly}`, async () => {
    const dataDir = openDirectory();
    const without = 'mount --bind /dev/null "$(command -v unshare)" && exec "$@"';
    const gateway = rig.gateway(dataDir, { wrapper: ['unshare', '--mount', 'sh', '-c', without, 'sh'] });
    await gateway.said();
    const { url } = await gateway.said();
    expect(await query(String(url), 'select 1 as one')).toEqual([{ one: 1 }]);
    const { account } = await borrowed(dataDir);
    expect(statSync(join(dataDir, 'postgres/cluster')).uid).toBe(account.uid);
  });

  it('takes a cluster of root over to another user', async () => {
    const { account, dataDir } = await borrowed(await rig.dataDirectory());
    chmodSync(dataDir, 0o755);
    const database = await rig.start({ dataDir, account });
    expect(await query(database.url, 'select word from kept')).toEqual([{ word: 'before' }]);
  });

  it('borrows another user and keeps the database in the shelter when the data directory is closed', async () => {
    const { account, dataDir } = await borrowed(closedDirectory());
    const shelter = openDirectory();
    await roundTrip({ dataDir, account, shelter });
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    expect(readdirSync(shelter).length).toBe(1);
    expect(processesBelow(shelter)).toEqual([]);
  });

  it('does not begin with an empty database when the one in the shelter is gone', async () => {
    const { account, dataDir } = await borrowed(closedDirectory());
    const shelter = openDirectory();
    await (await rig.start({ dataDir, account, shelter })).stop();
    rmSync(join(shelter, readdirSync(shelter)[0]!), { recursive: true });
    await expect(rig.start({ dataDir, account, shelter })).rejects.toThrow(/which is gone: restore it/);
  });

  it('gives another user a copy of programs that it cannot reach', async () => {
    const { account } = await borrowed(rig.directory());
    const closed = closedDirectory();
    const installed = await locateBinaries();
    execFileSync('cp', ['-a', dirname(dirname(installed.postgres)), join(closed, 'native')]);
    const unreachable = { ...installed, postgres: join(closed, 'native/bin/postgres') };
    const reachable = await reachableBinaries(unreachable, account, openDirectory());
    const { uid, gid } = account;
    const asked = await runProgram({ file: reachable.postgres, args: ['--version'], uid, gid }, { timeoutMs: 10_000 });
    expect(asked.output).toContain(installed.version);
  });

  it('is not needed: an ordinary user runs PostgreSQL alone', async () => {
    const { account, dataDir } = await borrowed(rig.directory());
    chownSync(dataDir, account.uid, account.gid);
    const gateway = rig.gateway(dataDir, { uid: account.uid, gid: account.gid });
    await gateway.said();
    const { url } = await gateway.said();
    expect(await query(String(url), 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(account.uid);
  });

  it.skipIf(!canMount)(`says that the disk is full, and begins anew when there is room${mountOnly}`, async () => {
    const dataDir = rig.directory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dataDir]);
    rig.undo(() => execFileSync('umount', ['--lazy', dataDir]));
    await expect(rig.start({ dataDir })).rejects.toThrow(/^cannot create the database in .*: the disk is full$/);
    execFileSync('mount', ['-o', 'remount,size=400m', dataDir]);
    const database = await rig.start({ dataDir });
    expect(await query(database.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  async function roundTrip(options: Parameters<typeof rig.start>[0]) {
    const first = await rig.start(options);
    await query(first.url, `create table kept (word text); insert into kept values ('mail')`);
    await first.stop();
    const second = await rig.start(options);
    expect(await query(second.url, 'select word from kept')).toEqual([{ word: 'mail' }]);
    await second.stop();
  }

  async function borrowed(dataDir: string) {
    const account = await otherUser();
    if (account.kind !== 'other-user') throw new Error('no other user');
    return { account, dataDir };
  }

  function closedDirectory(): string {
    const closed = join(rig.directory(), 'closed');
    mkdirSync(closed, { mode: 0o700 });
    return closed;
  }

  function openDirectory(): string {
    const open = rig.directory();
    chmodSync(open, 0o755);
    return open;
  }
});
