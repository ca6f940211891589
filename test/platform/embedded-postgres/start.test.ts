import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runningEmbeddedPostgres, startEmbeddedPostgres } from '../../../src/platform/embedded-postgres/index.ts';
import { makeRig, processesBelow, query } from './rig.ts';

const rig = makeRig();

describe('the embedded PostgreSQL', () => {
  it('is made at the first start, and a second start finds its data', async () => {
    const dataDir = join(rig.directory(), 'not', 'there', 'yet');
    const first = await rig.start({ dataDir });
    await query(first.url, `create table kept (word text); insert into kept values ('mail')`);
    await first.stop();
    const second = await rig.start({ dataDir });
    expect(await query(second.url, 'select word from kept')).toEqual([{ word: 'mail' }]);
  });

  it('speaks only through a private socket and to who knows the password', async () => {
    const dataDir = await rig.dataDirectory();
    const { url } = await rig.start({ dataDir });
    const [settings] = await query(
      url,
      `select current_setting('listen_addresses') as addresses, current_setting('fsync') as fsync,
              current_setting('synchronous_commit') as commit, current_setting('full_page_writes') as pages`,
    );
    expect(settings).toEqual({ addresses: '', fsync: 'on', commit: 'on', pages: 'on' });
    expect(statSync(join(dataDir, 'postgres/socket')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'postgres/password')).mode & 0o777).toBe(0o600);
    await expect(query(url.replace(/:[^:@]+@/, ':guess@'), 'select 1')).rejects.toThrow(/password/);
    await expect(query(url.replace('postern:', 'postgres:'), 'select 1')).rejects.toThrow(/pg_hba/);
  });

  it('lets us make databases, extensions and schemas, but is not superuser', async () => {
    const { url } = await rig.start({ dataDir: await rig.dataDirectory() });
    await query(url, 'create database clone template postern');
    await query(url, 'create schema queue');
    const [role] = await query(url, 'select rolsuper from pg_roles where rolname = current_user');
    expect(role).toEqual({ rolsuper: false });
  });

  it('is stopped without a process, a socket or a pid file left', async () => {
    const dataDir = await rig.dataDirectory();
    const database = await rig.start({ dataDir });
    expect(processesBelow(dataDir).length).toBeGreaterThan(0);
    await Promise.all([database.stop(), database.stop()]);
    expect(processesBelow(dataDir)).toEqual([]);
    expect(readdirSync(join(dataDir, 'postgres')).sort()).toEqual(['cluster', 'password']);
    expect(existsSync(join(dataDir, 'postgres/cluster/postmaster.pid'))).toBe(false);
  });

  it('refuses a directory whose database another process keeps', async () => {
    const dataDir = await rig.dataDirectory();
    await rig.start({ dataDir });
    await expect(rig.start({ dataDir })).rejects.toThrow(`in use by pid ${process.pid}`);
  });

  it('listens elsewhere when the path is too long for a socket', async () => {
    const dataDir = join(rig.directory(), 'a'.repeat(90), 'ü b,"c"');
    const database = await rig.start({ dataDir });
    expect(await query(database.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(await runningEmbeddedPostgres(dataDir)).toBe(database.url);
    const socketDirectory = decodeURIComponent(/@([^:]+):/.exec(database.url)![1]!);
    expect(statSync(socketDirectory).mode & 0o777).toBe(0o700);
    await database.stop();
    expect(existsSync(socketDirectory)).toBe(false);
  });

  it('lives in directories with spaces, commas, quotes and letters of any kind', async () => {
    const database = await rig.start({ dataDir: join(rig.directory(), `ü b,"c" 'd' %20`) });
    expect(await query(database.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});

describe('the command line finds the embedded PostgreSQL', () => {
  it('only while somebody keeps it running', async () => {
    const dataDir = await rig.dataDirectory();
    expect(await runningEmbeddedPostgres(join(dataDir, 'missing'))).toBeNull();
    expect(await runningEmbeddedPostgres(dataDir)).toBeNull();
    const gateway = rig.gateway(dataDir);
    await gateway.said();
    const { url } = await gateway.said();
    expect(await runningEmbeddedPostgres(dataDir)).toBe(url);
    await gateway.kill();
    expect(await runningEmbeddedPostgres(dataDir)).toBeNull();
  });
});

describe('a start that cannot succeed says why in one line', () => {
  const log = { info() {}, warn() {}, error() {} };

  it('for a cluster of another PostgreSQL', async () => {
    const dataDir = await rig.dataDirectory();
    writeFileSync(join(dataDir, 'postgres/cluster/PG_VERSION'), '17\n');
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow(
      /^the database in .* is of PostgreSQL 17, .*$/,
    );
  });

  it('for a platform without a bundled PostgreSQL', async () => {
    const { arch } = process;
    Object.defineProperty(process, 'arch', { value: 'vax' });
    rig.undo(() => Object.defineProperty(process, 'arch', { value: arch }));
    const start = startEmbeddedPostgres({ dataDir: rig.directory(), log });
    await expect(start).rejects.toThrow(/^there is no bundled PostgreSQL for linux-vax: .*DATABASE_URL.*$/);
  });

  it('for a cluster that PostgreSQL cannot open: its own fatal message', async () => {
    const dataDir = await rig.dataDirectory();
    writeFileSync(join(dataDir, 'postgres/cluster/global/pg_control'), '');
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow(
      /^PostgreSQL did not start \(\w+\): .*pg_control.*$/,
    );
    expect(processesBelow(dataDir)).toEqual([]);
  });

  it('and an aborted one rejects with the reason and leaves nothing running', async () => {
    const dataDir = rig.directory();
    const abort = new AbortController();
    const start = startEmbeddedPostgres({ dataDir, log, signal: abort.signal });
    const isBuilding = () => readdirSync(dataDir).some(name => name.startsWith('postgres.new-'));
    while (!isBuilding()) await new Promise(resolve => setTimeout(resolve, 5));
    abort.abort(new Error('no longer wanted'));
    await expect(start).rejects.toThrow('no longer wanted');
    expect(processesBelow(dataDir)).toEqual([]);
    expect(isBuilding()).toBe(false);
  });
});
