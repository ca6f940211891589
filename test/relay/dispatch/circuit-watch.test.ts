// Two processes' circuits over one database, without mail: who has the trial, and what becomes of it.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Circuit } from '../../../relay/dispatch/circuit.ts';
import { CircuitWatch } from '../../../relay/dispatch/circuit-watch.ts';
import { Fallbacks } from '../../../relay/dispatch/fallbacks.ts';
import { Fleet } from '../../../relay/dispatch/fleet.ts';
import type { AttemptResult, Upstream } from '../../../src/mail/upstream.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import type { Pool } from '../../../src/platform/postgres.ts';
import { parseUpstreamUrl, type UpstreamSettings } from '../../../src/platform/upstream-url.ts';
import { changeCircuits, openCircuit, readCircuits, takeTrial } from '../../../src/store/circuits.ts';
import { cloneDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
const running: CircuitWatch[] = [];
afterEach(async () => {
  for (const watch of running.splice(0)) await watch.stop();
  await database.rows('truncate circuits, route_fallbacks, events');
});

const GONE: AttemptResult = { kind: 'unreachable', stage: 'connect', error: 'ECONNREFUSED' };
const TAKEN: AttemptResult = { kind: 'accepted', reply: { code: 250, enhanced: null, text: 'ok' } };

const SUSPENDED: AttemptResult = {
  ...{ kind: 'refused', stage: 'mail', scope: 'upstream', rule: 'ses-sending-paused', opens: true, slows: false },
  ...{ reply: { code: 554, enhanced: null, text: 'Sending paused for this account.' }, retryAfterMs: null },
};

type Process = Awaited<ReturnType<typeof start>>;

/** A process with one upstream, whose door is open or not. */
async function start(name: string, { pool = database.pool as Pool } = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog('debug', { write: line => void lines.push(JSON.parse(line)) });
  const metrics = createMetrics(async () => 0);
  const upstream = { name: 'ses', isThere: true, probes: 0 };
  const created: Upstream = {
    name: 'ses',
    attempt: () => Promise.reject(new Error('no mail here')),
    async probe() {
      upstream.probes += 1;
      if (!upstream.isThere) throw new Error('ECONNREFUSED');
      return { remoteAddress: '127.0.0.1:25', tls: null };
    },
    close: async () => undefined,
  };
  const time = { now: 0 };
  const clock = () => Date.now() + time.now;
  const fleet = new Fleet({
    neighbours: { count: 1, onChange: () => () => undefined },
    create: () => created,
    circuit: {
      ...{ log, metrics, onOpportunity: () => undefined },
      onFinding: (found: Circuit, finding) => watch.note(found, finding),
    },
  });
  fleet.replace([parseUpstreamUrl('smtp://127.0.0.1:25?name=ses') as UpstreamSettings]);
  const fallbacks = new Fallbacks({ log, metrics });
  const watch = new CircuitWatch({ pool, fleet, fallbacks, holder: `${name}:1`, nodeId: name, clock, log });
  await watch.start();
  running.push(watch);
  return { watch, upstream, lines, time, circuit: fleet.get('ses')!.circuit };
}

const learns = ({ circuit }: Process, result: AttemptResult) => circuit.learn({}, [result], Date.now());
const admits = (process: Process) => eventually(() => expect(process.circuit.admits).toBe(true));
const isOpen = (process: Process, open: boolean) => eventually(() => expect(process.circuit.isOpen).toBe(open));
const trialHolder = async () => (await readCircuits(database.pool))[0]?.trialHolder;
/** No trial has to wait for its time. */
const lookNow = () => database.rows('update circuits set look_at = now()');

it('one of them looks, and may send one delivery; it closes for both', async () => {
  const a = await start('a');
  const b = await start('b');
  learns(a, GONE);
  expect(a.circuit.admits).toBe(false);
  await isOpen(b, true);
  await eventually(() => expect([a, b].filter(({ circuit }) => circuit.admits)).toHaveLength(1));
  const [holder, follower] = a.circuit.admits ? [a, b] : [b, a];
  expect(await trialHolder()).toBe(holder === a ? 'a:1' : 'b:1');
  const delivery = {};
  holder.circuit.begin(delivery);
  expect([holder.circuit.admits, follower.circuit.admits]).toEqual([false, false]);
  holder.circuit.learn(delivery, [TAKEN], Date.now());
  expect(holder.circuit.isOpen).toBe(false);
  await isOpen(follower, false);
  expect(follower.upstream.probes).toBe(0);
});

it('a delivery that began before it opened is no trial, and takes none away', async () => {
  const a = await start('a');
  const [early, late] = [{}, {}];
  a.circuit.begin(early);
  learns(a, GONE);
  expect(a.circuit.resume(early, Date.now())).toMatch(/^down for /);
  a.circuit.abandon(early);
  expect(a.circuit.admits).toBe(false);
  await admits(a);
  a.circuit.begin(late);
  a.circuit.learn(early, [GONE], Date.now());
  expect(a.circuit.resume(late, Date.now())).toBeNull();
});

it('who has the trial and no mail keeps it while nobody wants it, and hands it to who has some', async () => {
  const a = await start('a');
  learns(a, GONE);
  await admits(a);
  const b = await start('b');
  expect(b.circuit.isOpen).toBe(true);
  b.circuit.passOver(Date.now());
  await eventually(async () => expect((await readCircuits(database.pool))[0]!.trialWantedBy).toBe('b:1'));
  a.time.now = 3_000;
  await admits(b);
  expect(await trialHolder()).toBe('b:1');
  await eventually(() => expect(a.circuit.admits).toBe(false));
});

it('without mail, one that was away is believed when it answers a second time half a minute later', async () => {
  const a = await start('a');
  const b = await start('b');
  learns(a, GONE);
  await isOpen(b, true);
  await eventually(() => expect([a, b].filter(({ circuit }) => circuit.admits)).toHaveLength(1));
  const answers = (isThere: boolean) => {
    for (const { upstream } of [a, b]) upstream.isThere = isThere;
  };
  answers(false);
  for (const { time } of [a, b]) time.now = 31_000;
  await eventually(() => expect([a, b].some(({ circuit }) => circuit.admits)).toBe(false));
  expect([a.circuit.isOpen, b.circuit.isOpen]).toEqual([true, true]);
  answers(true);
  await lookNow();
  await eventually(() => expect([a, b].some(({ circuit }) => circuit.admits)).toBe(true));
  for (const { time } of [a, b]) time.now = 62_000;
  await isOpen(a, false);
  await isOpen(b, false);
  const events = await database.rows<{ kind: string }>('select kind from events order by event_id');
  expect(events.map(({ kind }) => kind)).toEqual(['upstream-down', 'upstream-up']);
});

it('without mail, one that was shut for what it said stays so', async () => {
  const a = await start('a');
  learns(a, SUSPENDED);
  await eventually(async () => {
    await lookNow();
    expect(a.circuit.admits).toBe(true);
  });
  const { probes } = a.upstream;
  a.time.now = 600_000;
  // Whoever has mail gets the trial from it, and so it was asked meanwhile.
  const b = await start('b');
  b.circuit.passOver(Date.now());
  await admits(b);
  expect([a.circuit.isOpen, a.upstream.probes]).toEqual([true, probes]);
});

it('the trial of a process that died goes to another, when its time is over', async () => {
  const down = { upstream: 'ses', cause: 'unreachable', reason: 'gone', rule: null, by: 'dead', lookInMs: 0 };
  await changeCircuits(database.pool, connection => openCircuit(connection, down));
  await takeTrial(database.pool, 'ses', 'dead:1');
  const b = await start('b');
  b.circuit.passOver(Date.now());
  await eventually(async () => expect((await readCircuits(database.pool))[0]!.trialWantedBy).toBe('b:1'));
  expect([b.circuit.admits, b.upstream.probes]).toEqual([false, 0]);
  await database.rows(`update circuits set trial_until = now() - interval '1 ms'`);
  await admits(b);
});

it('a look that fails makes the next one later for all of them, and is no second outage', async () => {
  const a = await start('a');
  const b = await start('b');
  for (const { upstream } of [a, b]) upstream.isThere = false;
  learns(a, GONE);
  await eventually(async () => {
    await lookNow();
    expect((await readCircuits(database.pool))[0]!.failures).toBeGreaterThan(3);
  });
  await eventually(() => expect(b.circuit.breaker.failures).toBeGreaterThan(3));
  expect(await database.rows('select kind from events')).toEqual([{ kind: 'upstream-down' }]);
});

it('a restart knows what was known', async () => {
  const a = await start('a');
  a.upstream.isThere = false;
  learns(a, { ...GONE, error: 'no route to host' });
  await eventually(async () => expect(await readCircuits(database.pool)).toHaveLength(1));
  await running.pop()!.stop();
  const next = await start('a');
  expect(next.circuit.admits).toBe(false);
  expect(next.circuit.whyPassedOver(Date.now())).toContain('no route to host');
});

it('without a database each goes on by itself, and tells what is so when it is back', async () => {
  const { pool } = database;
  let isAway = false;
  const away = () => Promise.reject(new Error('connection refused'));
  const flaky = {
    query: (...args: Parameters<typeof pool.query>) => (isAway ? away() : pool.query(...args)),
    connect: () => (isAway ? away() : pool.connect()),
  } as unknown as Pool;
  const a = await start('a', { pool: flaky });
  const b = await start('b');
  isAway = true;
  learns(a, GONE);
  expect(a.circuit.admits).toBe(false);
  await admits(a);
  const delivery = {};
  a.circuit.begin(delivery);
  a.circuit.learn(delivery, [TAKEN], Date.now());
  expect(a.circuit.isOpen).toBe(false);
  a.upstream.isThere = false;
  learns(a, GONE);
  expect(b.circuit.isOpen).toBe(false);
  isAway = false;
  await isOpen(b, true);
  expect(await database.rows('select kind from events')).toEqual([{ kind: 'upstream-down' }]);
  expect(a.lines.filter(({ event }) => event === 'circuits-alone')).toHaveLength(1);
});
