// Several listeners and dispatchers over one PostgreSQL and one Redis: whoever dies or is restarted, mail goes its way.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { posternStart } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway, testEnvironment } from '../support/gateway.ts';
import { has, unlessInstalled } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

// Seven processes' worth of starting and stopping.
const timeout = 90_000;

describe.skipIf(!has('redis-server'))(`many processes${unlessInstalled('redis-server')}`, { timeout }, () => {
  let redis: RedisServer;
  let database: TestDatabase;
  let upstream: ScriptedUpstream;
  let directory: string;
  const running = new Set<TestGateway>();

  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.end());
  beforeEach(async () => {
    database = await cloneDatabase();
    upstream = await ScriptedUpstream.start();
    directory = await mkdtemp(join(tmpdir(), 'machines-'));
  });
  afterEach(async () => {
    await Promise.all([...running].map(process => process.end()));
    running.clear();
    await upstream.stop();
    await database.drop();
    await rm(directory, { recursive: true });
  });

  const environment = (roles: string, connections: number) => ({
    POSTERN_ROLES: roles,
    REDIS_URL: redis.url,
    POSTERN_UPSTREAMS: upstream.url(`name=main&connections=${connections}`),
  });
  /** One process of a role, on a machine of that name: started again under it, it is the same machine's next run. */
  async function start(roles: string, machine: string, connections = 5): Promise<TestGateway> {
    const dataDir = join(directory, machine);
    const process = await startTestGateway(environment(roles, connections), { database, dataDir });
    running.add(process);
    return process;
  }
  async function stop(process: TestGateway): Promise<void> {
    running.delete(process);
    await process.end();
  }
  const recipients = () => upstream.messages.flatMap(({ rcpts }) => rcpts.map(line => /<(.*)>/.exec(line)![1]!)).sort();

  it('what a killed dispatcher held goes out by another one when its lease ends, a minute later at most', async () => {
    const listener = await start('listener', 'front');
    upstream.script = { final: 'HANG' };
    const dead = await posternStart({
      ...testEnvironment(join(directory, 'dead')),
      ...environment('dispatcher', 1),
      DATABASE_URL: database.url,
    });
    const tried = await listener.submit('tried@x.example');
    await eventually(() => expect(upstream.messages).toHaveLength(1));
    const waiting = await listener.submit('waiting@x.example');
    await eventually(async () => expect((await listener.deliveries(waiting))[0]?.lease_holder).not.toBeNull());
    await dead.end('SIGKILL');

    upstream.script = {};
    const other = await start('dispatcher', 'other');
    // Mail that nobody holds goes out by the other one at once, and what is held is left alone.
    await listener.reaches(await listener.submit('fresh@x.example'), 'delivered');
    for (const id of [tried, waiting]) {
      const [held] = await listener.deliveries(id);
      expect(held).toMatchObject({ state: 'queued', attempt: 1, lease_holder: expect.any(String) });
      expect(held!.due_in_s).toBeLessThanOrEqual(60);
    }

    await database.rows('update deliveries set due_at = now() where lease_holder is not null');
    for (const id of [tried, waiting]) await other.reaches(id, 'delivered');
    // The first had been taken by the upstream when its sender died: whether it knew, nobody could tell.
    expect(recipients()).toEqual(['fresh@x.example', 'tried@x.example', 'tried@x.example', 'waiting@x.example']);
    expect(await other.attempts(tried)).toMatchObject([{ attempt: 1, result: null }, { result: 'accepted' }]);
    expect(await other.attempts(waiting)).toMatchObject([{ attempt: 2, result: 'accepted' }]);
  });

  it('two dispatchers share what waits, and send nothing twice', async () => {
    const listener = await start('listener', 'front');
    await start('dispatcher', 'left');
    await start('dispatcher', 'right');
    upstream.pause();
    const sent = Array.from({ length: 250 }, (_, i) => `r${String(i).padStart(3, '0')}@x.example`);
    for (let i = 0; i < sent.length; i += 25) await Promise.all(sent.slice(i, i + 25).map(to => listener.submit(to)));
    await eventually(async () => {
      const holders = await database.rows(
        'select distinct lease_holder from deliveries where lease_holder is not null',
      );
      expect(holders).toHaveLength(2);
    });
    upstream.resume();
    await eventually(async () => {
      expect(await database.rows(`select 1 from deliveries where state <> 'delivered'`)).toEqual([]);
    });
    expect(recipients()).toEqual(sent);
    expect(await database.rows('select distinct attempt from deliveries')).toEqual([{ attempt: 1 }]);
  });

  it('a rolling restart under load loses nothing, and sends nothing twice', async () => {
    const roles = ['listener', 'listener', 'dispatcher', 'dispatcher'];
    const fleet = await Promise.all(roles.map((role, index) => start(role, `machine-${index}`)));
    const promised: string[] = [];
    let isDone = false;
    const send = async (name: string, first: number) => {
      for (let turn = first; !isDone; turn += 1) {
        const to = `${name}.${turn}@x.example`;
        // Turned away by one listener, an app goes to the other; it sends nothing again that might have been taken.
        const isTaken = await fleet[turn % 2]!.submit(to).then(
          () => true,
          () => false,
        );
        if (isTaken) promised.push(to);
      }
    };
    const sending = ['a', 'b', 'c'].map((name, index) => send(name, index));
    for (const [index, role] of roles.entries()) {
      const before = promised.length;
      await stop(fleet[index]!);
      fleet[index] = await start(role, `machine-${index}`);
      await eventually(() => expect(promised.length).toBeGreaterThan(before));
    }
    isDone = true;
    await Promise.all(sending);
    await eventually(() => expect(new Set(recipients()).size).toBeGreaterThanOrEqual(promised.length));
    await eventually(async () => {
      expect(await database.rows(`select 1 from deliveries where state = 'queued'`)).toEqual([]);
    });
    expect(recipients()).toEqual(promised.sort());
  });
});
