import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, makeRig, postmasterPid, processesBelow, query } from './rig.ts';

const rig = makeRig();

const words = (url: string) => query(url, 'select word from kept').then(rows => rows.map(row => row.word));

describe('the server is killed under a living gateway', () => {
  it('comes back by itself, at the same URL, with everything committed', async () => {
    const dataDir = await rig.dataDirectory();
    const database = await rig.start({ dataDir });
    await query(database.url, `insert into kept values ('committed')`);
    const killed = postmasterPid(dataDir);
    process.kill(killed, 'SIGKILL');
    await eventually(() => {
      if (postmasterPid(dataDir) === killed) throw new Error('not yet');
    });
    expect(await eventually(() => words(database.url))).toEqual(['before', 'committed']);
    const events = await eventually(() => {
      const named = database.lines.map(line => line.fields.event);
      if (!named.includes('database-restarted')) throw new Error('not yet');
      return named;
    });
    expect(events).toEqual(['database-started', 'database-ended', 'database-restarted']);
  });

  it('comes back although a backend is busy and does not notice the death of its postmaster', async () => {
    const dataDir = await rig.dataDirectory();
    const database = await rig.start({ dataDir });
    const busy = query(database.url, `select count(*) from generate_series(1, 10000000000)`).catch(() => 'cut off');
    await eventually(async () => {
      const [row] = await query(database.url, `select 1 as busy from pg_stat_activity where query ~ '^select count'`);
      if (!row) throw new Error('not yet');
    });
    process.kill(postmasterPid(dataDir), 'SIGKILL');
    expect(await busy).toBe('cut off');
    expect(await eventually(() => words(database.url))).toEqual(['before']);
  });

  it('can be stopped between its death and its return', async () => {
    const dataDir = await rig.dataDirectory();
    const database = await rig.start({ dataDir });
    process.kill(postmasterPid(dataDir), 'SIGKILL');
    await database.stop();
    expect(processesBelow(dataDir)).toEqual([]);
  });
});

describe('the gateway is killed', () => {
  it('alone: the server that it left is stopped and the next start goes on', async () => {
    const { dataDir, gateway } = await runningGateway();
    const orphan = postmasterPid(dataDir);
    await gateway.kill();
    expect(processesBelow(dataDir)).toContain(orphan);
    const database = await rig.start({ dataDir });
    expect(processesBelow(dataDir)).not.toContain(orphan);
    expect(await words(database.url)).toEqual(['before']);
    expect(database.lines[0]).toMatchObject({ level: 'warn', fields: { event: 'database-orphan-found', pid: orphan } });
  });

  it('together with its server', async () => {
    const { dataDir, gateway } = await runningGateway();
    const killed = gateway.kill();
    for (const pid of processesBelow(dataDir)) process.kill(pid, 'SIGKILL');
    await killed;
    const database = await rig.start({ dataDir });
    expect(await words(database.url)).toEqual(['before']);
  });

  it('while it makes the cluster: the half is removed and a whole one made', async () => {
    const dataDir = rig.directory();
    const gateway = rig.gateway(dataDir);
    await eventually(() => {
      const half = readdirSync(dataDir).find(name => name.startsWith('postgres.new-'));
      if (!existsSync(join(dataDir, half!, 'cluster/global'))) throw new Error('not yet');
    });
    await gateway.kill();
    const database = await rig.start({ dataDir });
    expect(await query(database.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(readdirSync(dataDir).filter(name => name.includes('.new-'))).toEqual([]);
  });
});

describe('leftovers do not block a start', () => {
  it('a half-made cluster beside the complete one', async () => {
    const dataDir = await rig.dataDirectory();
    mkdirSync(join(dataDir, 'postgres.new-abc'));
    cpSync(join(dataDir, 'postgres/cluster/global'), join(dataDir, 'postgres.new-abc/cluster'), { recursive: true });
    const database = await rig.start({ dataDir });
    expect(await words(database.url)).toEqual(['before']);
    expect(existsSync(join(dataDir, 'postgres.new-abc'))).toBe(false);
  });

  it.each([
    ['no process', () => 4_194_305],
    ['another program that lives', () => bystander().pid!],
    ['a PostgreSQL of somebody else, by its name', () => bystander('postgres').pid!],
  ])('a postmaster.pid with the pid of %s', async (_, pidOf) => {
    const dataDir = await rig.dataDirectory();
    const pid = pidOf();
    const stale = [
      pid,
      join(dataDir, 'postgres/cluster'),
      1,
      5432,
      join(dataDir, 'postgres/socket'),
      '',
      '1 1',
      'ready',
    ];
    writeFileSync(join(dataDir, 'postgres/cluster/postmaster.pid'), stale.join('\n'));
    mkdirSync(join(dataDir, 'postgres/socket'));
    for (const name of ['.s.PGSQL.5432', '.s.PGSQL.5432.lock']) {
      writeFileSync(join(dataDir, 'postgres/socket', name), `${pid}\n`);
    }
    const database = await rig.start({ dataDir });
    expect(await words(database.url)).toEqual(['before']);
  });

  function bystander(name = 'sleep'): ChildProcess {
    const child = spawn('sleep', ['600'], { argv0: name, stdio: 'ignore' });
    rig.undo(() => {
      // Still there: nobody but us may have ended it.
      expect(child.signalCode).toBeNull();
      child.kill('SIGKILL');
    });
    return child;
  }
});

async function runningGateway() {
  const dataDir = await rig.dataDirectory();
  const gateway = rig.gateway(dataDir);
  await gateway.said();
  await gateway.said();
  return { dataDir, gateway };
}
