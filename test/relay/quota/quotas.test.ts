// Quotas on a real PostgreSQL: what mail gets, what is told, and that processes together never exceed a limit.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Charge, createQuotas, type Quotas } from '../../../relay/quota/index.ts';
import { formatReply } from '../../../src/mail/reply.ts';
import type { Identity, OverQuota, Stream } from '../../../src/mail/submission.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createPool, type Pool } from '../../../src/platform/postgres.ts';
import { addCredential, removeCredential } from '../../../src/store/credentials.ts';
import { listQuotas, type NewQuota, putQuota, removeQuota } from '../../../src/store/quotas.ts';
import { cloneDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { IDENTITY } from '../../support/identity.ts';
import { mostInAnyWindow } from './model.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
const AT_ONCE = { n: 0, at: null, dueInMs: 0, delayedBy: null };
const MINUTE = 60_000;
const DAY = 86_400_000;

let database: TestDatabase;
let pools: Pool[];
let started: Quotas[];
let lines: Record<string, unknown>[];
let metrics: ReturnType<typeof createMetrics>;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  [pools, started, lines] = [[], [], []];
  metrics = createMetrics(async () => 0);
  await addCredential(database.db, { ...IDENTITY, name: 'app', secretHash: 'x' });
});
afterEach(async () => {
  await Promise.all(started.map(quotas => quotas.stop()));
  await Promise.all(pools.map(pool => pool.end()));
  await database.rows('truncate quotas, quota_usage, events; delete from credentials');
});

/** As the gateway has it: the hot pool, the list in memory. */
async function start(): Promise<Quotas> {
  const log = createLog('info', { write: line => void lines.push(JSON.parse(line)) });
  const pool = createPool(database.url, { max: 3, name: 'quotas', log, indexOnly: true });
  const quotas = createQuotas({ pool, log, metrics });
  pools.push(pool);
  started.push(quotas);
  await quotas.start();
  return quotas;
}

const put = (limit: number, windowMs: number, changes: Partial<NewQuota> = {}) =>
  putQuota(database.db, {
    ...{ credentialId: IDENTITY.credentialId, tenantId: null, stream: null, recipientDomain: null },
    ...{ counts: 'messages', limit, windowMs, ...changes },
  });

type Mail = {
  overQuota?: OverQuota;
  to?: readonly string[];
  beginsInMs?: number;
  withinMs?: number;
  identity?: Identity;
  stream?: Stream;
};

const charge = (quotas: Quotas, mail: Mail = {}) => quotas.charge(requestOf(mail));

const requestOf = ({ overQuota = 'defer', to = ['x.example'], beginsInMs = 0, withinMs = 5 * DAY, ...rest }: Mail) => ({
  identity: { ...IDENTITY, overQuota, ...rest.identity },
  stream: rest.stream ?? 'transactional',
  recipients: to.map((domain, n) => ({ n, domain })),
  beginsInMs,
  notAfter: new Date(Date.now() + beginsInMs + withinMs),
});

function turnsOf(charge: Charge) {
  if (charge.kind !== 'charged') throw new Error(`not charged: ${JSON.stringify(charge)}`);
  return charge.turns;
}

/** In whole windows of a minute from now, about. */
const minutesUntil = (charge: Charge) => turnsOf(charge).map(({ dueInMs }) => Math.round(dueInMs / MINUTE));

/** So much time passes for what is used and what was told. */
async function passes(ms: number): Promise<void> {
  await database.rows(
    'update quota_usage u set bucket = bucket - $1::bigint / q.bucket_ms from quotas q where q.quota_id = u.quota_id',
    ms,
  );
  await database.rows(
    `update quotas set full_until = full_until - $1::bigint / bucket_ms,
       warned_at = warned_at - $1::bigint * interval '1 ms', exhausted_at = exhausted_at - $1::bigint * interval '1 ms'`,
    ms,
  );
}

const used = async () => {
  const rows = await database.rows<{ used: number }>(
    'select sum(used)::int as used from quota_usage group by quota_id order by quota_id',
  );
  return rows.map(row => row.used);
};

describe('mail under no quota', () => {
  it('is let through without asking anybody', async () => {
    await put(1, MINUTE, { credentialId: null, stream: 'bulk' });
    const quotas = await start();
    expect(quotas.applies(IDENTITY, 'transactional', ['x.example'])).toBe(false);
    expect(quotas.applies(IDENTITY, 'bulk', ['x.example'])).toBe(true);
    await quotas.stop();
    await pools[0]!.end();
    pools.length = 0;
    expect(await charge(quotas)).toEqual({
      ...{ kind: 'charged', turns: [AT_ONCE], delayedBy: null, marks: [] },
    });
    expect(await quotas.peek(IDENTITY, 'transactional')).toBe(null);
  });
});

describe('beyond a quota', () => {
  it('defer: each message gets its turn, in the order of arrival, and hears what it waits for', async () => {
    await put(2, MINUTE);
    const quotas = await start();
    const charges = await Promise.all([1, 2, 3, 4, 5].map(() => charge(quotas)));
    expect(charges.flatMap(minutesUntil)).toEqual([0, 0, 1, 1, 2]);
    expect(charges.map(one => one.kind === 'charged' && one.delayedBy)).toEqual([
      ...[null, null],
      ...Array(3).fill('2 messages a minute (credential app)'),
    ]);
    const [first, , third] = charges.map(one => turnsOf(one)[0]!);
    expect(first).toEqual(AT_ONCE);
    expect(third!.at!.getTime() % 1_000).toBe(0);
    // The marks are in the database: another process goes on behind them, in fewer than ten statements.
    expect(minutesUntil(await charge(await start()))).toEqual([2]);
    const { values } = await metrics.quotaCharges.get();
    expect(values.map(({ labels, value }) => [labels.outcome, value])).toEqual([
      ['passed', 2],
      ['deferred', 4],
    ]);
  });

  it('defer: a message to 1,000 under 100 recipients a minute goes out in ten pieces', async () => {
    await put(100, MINUTE, { counts: 'recipients' });
    const quotas = await start();
    const minutes = minutesUntil(await charge(quotas, { to: Array(1_000).fill('x.example') }));
    expect([...Map.groupBy(minutes, at => at)].map(([at, piece]) => [at, piece.length])).toEqual(
      Array.from({ length: 10 }, (_, i) => [i, 100]),
    );
  });

  it('defer: only recipients of the domain wait for it', async () => {
    await put(1, MINUTE, { credentialId: null, recipientDomain: 'slow.example', counts: 'recipients' });
    const quotas = await start();
    const mail = { to: ['Slow.example', 'x.example', 'slow.example'] };
    const byRecipient = turnsOf(await charge(quotas, mail)).toSorted((a, b) => a.n - b.n);
    expect(byRecipient.map(({ dueInMs }) => Math.round(dueInMs / MINUTE))).toEqual([0, 0, 1]);
    const slow = '1 recipient a minute (to slow.example)';
    expect(byRecipient.map(({ delayedBy }) => delayedBy)).toEqual([null, null, slow]);
  });

  it('defer: mail for a later time counts when it goes out, not when it comes', async () => {
    await put(2, MINUTE);
    const quotas = await start();
    // At intervals they would all pass; at 10 minutes from now only two of them have room at once.
    const charges = [];
    for (let i = 0; i < 5; i += 1) charges.push(await charge(quotas, { beginsInMs: 10 * MINUTE }));
    expect(charges.flatMap(minutesUntil)).toEqual([0, 0, 11, 11, 12]);
    expect((await Promise.all([1, 2, 3].map(() => charge(quotas)))).flatMap(minutesUntil)).toEqual([0, 0, 1]);
  });

  it('reject and hold: mail for a later time is measured by the room of that time', async () => {
    await put(1, MINUTE);
    const quotas = await start();
    for (const overQuota of ['reject', 'hold'] as const) {
      const beginsInMs = overQuota === 'reject' ? 10 * MINUTE : 20 * MINUTE;
      expect(await charge(quotas, { overQuota, beginsInMs })).toMatchObject({ kind: 'charged' });
      expect(await charge(quotas, { overQuota, beginsInMs })).toMatchObject({ kind: overQuota });
    }
    expect(minutesUntil(await charge(quotas))).toEqual([0]);
  });

  it('a preview says what a charge would, and charges nothing', async () => {
    await put(2, MINUTE, { counts: 'recipients' });
    const quotas = await start();
    const mails: Mail[] = [
      { to: ['a.example', 'b.example', 'c.example'] },
      { overQuota: 'reject' },
      { overQuota: 'hold' },
    ];
    for (const mail of mails) {
      const before = await used();
      const seen = await quotas.preview(requestOf(mail));
      expect(await used()).toEqual(before);
      const charged = await charge(quotas, mail);
      expect(seen.kind).toBe(charged.kind);
      if (seen.kind === 'charged') expect(minutesUntil(seen)).toEqual(minutesUntil(charged));
    }
  });

  it('defer: a turn after the message expired is none, and nothing is charged', async () => {
    await put(1, MINUTE);
    const quotas = await start();
    await charge(quotas);
    await charge(quotas);
    const refused = await charge(quotas, { withinMs: 90_000 });
    expect(refused).toMatchObject({ kind: 'reject', quota: '1 message a minute (credential app)' });
    expect(await used()).toEqual([2]);
  });

  it('reject: nothing is charged, and the app hears when to come again', async () => {
    await put(2, MINUTE);
    const quotas = await start();
    const identity: Identity = { ...IDENTITY, overQuota: 'reject' };
    expect(await quotas.peek(identity, 'transactional')).toBe(null);
    expect(minutesUntil(await charge(quotas, { overQuota: 'reject' }))).toEqual([0]);
    expect(minutesUntil(await charge(quotas, { overQuota: 'reject' }))).toEqual([0]);
    const refused = await charge(quotas, { overQuota: 'reject' });
    if (refused.kind !== 'reject') throw new Error(refused.kind);
    expect(formatReply(refused.reply)).toMatch(
      /^452 4\.4\.5 Quota of 2 messages a minute \(credential app\) is used up, retry after \d+ s$/,
    );
    expect(refused.retryAfterS).toBeGreaterThan(50);
    expect(refused.retryAfterS).toBeLessThanOrEqual(61);
    expect(await quotas.peek(identity, 'transactional')).toMatchObject({ quota: refused.quota });
    expect(await used()).toEqual([2]);
    await passes(61_000);
    expect(await quotas.peek(identity, 'transactional')).toBe(null);
    expect((await charge(quotas, { overQuota: 'reject' })).kind).toBe('charged');
  });

  it('reject: more recipients than the quota ever takes are refused for good', async () => {
    await put(2, MINUTE, { counts: 'recipients' });
    const refused = await charge(await start(), { overQuota: 'reject', to: ['a.example', 'b.example', 'c.example'] });
    if (refused.kind !== 'reject') throw new Error(refused.kind);
    expect(formatReply(refused.reply)).toBe(
      '554 5.5.3 3 recipients at once are more than the quota of 2 recipients a minute (credential app) takes, send smaller messages',
    );
    expect(refused.retryAfterS).toBe(null);
  });

  it('hold: the message is taken for a person to release, and charged nothing', async () => {
    await put(2, MINUTE, { counts: 'recipients' });
    const quotas = await start();
    const mail: Mail = { overQuota: 'hold', to: ['a.example', 'b.example'] };
    expect((await charge(quotas, mail)).kind).toBe('charged');
    expect(await charge(quotas, mail)).toEqual({ kind: 'hold', quota: '2 recipients a minute (credential app)' });
    expect(await used()).toEqual([2]);
  });
});

describe('room', () => {
  it('comes back a window later, and old usage is forgotten', async () => {
    await put(1, MINUTE);
    const quotas = await start();
    await charge(quotas);
    await passes(30_000);
    expect(turnsOf(await charge(quotas))[0]!.dueInMs).toBeGreaterThan(20_000);
    await passes(10 * MINUTE);
    expect(minutesUntil(await charge(await start()))).toEqual([0]);
    expect(await database.rows('select used from quota_usage')).toEqual([{ used: 1 }]);
  });

  it('is given back for a message that was not taken, also in front of what waits', async () => {
    await put(1, MINUTE);
    const quotas = await start();
    const first = await charge(quotas);
    await charge(quotas);
    await quotas.refund(first);
    expect(minutesUntil(await charge(quotas))).not.toEqual([2]);
    await quotas.refund({ kind: 'hold', quota: 'x' });
  });

  it('is lost with a process that dies between the charge and the message; it is not given twice', async () => {
    await put(1, MINUTE);
    await charge(await start());
    expect(minutesUntil(await charge(await start()))).toEqual([1]);
  });

  it('is not touched by a charge that the database ends', async () => {
    await put(1, MINUTE);
    const quotas = await start();
    const blocker = await database.pool.connect();
    await blocker.query('begin; select from quotas for update');
    const failing = charge(quotas).catch(error => error);
    await eventually(async () => {
      const ended = await blocker.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(ended.rowCount).toBe(1);
    });
    expect(await failing).toBeInstanceOf(Error);
    await blocker.query('rollback');
    blocker.release();
    expect(minutesUntil(await charge(quotas))).toEqual([0]);
  });

  it('is what explain shows: used, left, and when there is more', async () => {
    await put(4, MINUTE);
    await put(1, DAY, { credentialId: null, recipientDomain: 'slow.example', counts: 'recipients' });
    const quotas = await start();
    await charge(quotas, { to: ['slow.example'] });
    expect(await quotas.remaining(IDENTITY, 'transactional', ['x.example', 'slow.example'])).toMatchObject([
      { quota: '4 messages a minute (credential app)', limit: 4, used: 1, left: 3, freeAt: null },
      { quota: '1 recipient a day (to slow.example)', limit: 1, used: 1, left: 0, freeAt: expect.any(Date) },
    ]);
    expect(await quotas.remaining(IDENTITY, 'transactional', ['x.example'])).toHaveLength(1);
    expect(await used()).toEqual([1, 1]);
  });
});

describe('somebody hears', () => {
  const events = () =>
    database.rows(`select kind, topic, message_id, data->>'used' as used from events order by event_id`);

  it('at four fifths and at the end of a quota, once a window, whichever process it is', async () => {
    const id = await put(5, DAY);
    const topic = `quota:${id}`;
    const [one, other] = [await start(), await start()];
    for (const quotas of [one, other, one]) await charge(quotas);
    expect(await events()).toEqual([]);
    await charge(one);
    expect(await events()).toEqual([{ kind: 'quota-warning', topic, message_id: null, used: '4' }]);
    for (const quotas of [one, other, one]) await charge(quotas);
    expect((await events()).slice(1)).toEqual([{ kind: 'quota-exhausted', topic, message_id: null, used: '5' }]);
    expect(lines.map(({ level, event, quota }) => [level, event, quota])).toEqual([
      ['info', 'quota-warning', '5 messages a day (credential app)'],
      ['warn', 'quota-exhausted', '5 messages a day (credential app)'],
    ]);
    await passes(3 * DAY);
    for (const quotas of [one, other, one, other]) await charge(quotas);
    expect((await events()).slice(2)).toMatchObject([{ kind: 'quota-warning', used: '4' }]);
  });

  it('of mail that is refused, though nothing else was charged', async () => {
    await put(1, MINUTE, { counts: 'recipients' });
    await charge(await start(), { overQuota: 'hold', to: ['a.example', 'b.example'] });
    expect(await events()).toMatchObject([{ kind: 'quota-warning' }, { kind: 'quota-exhausted', used: '0' }]);
  });
});

describe('a quota', () => {
  it('holds within seconds, with its new limit at once, and not any more when it is removed', async () => {
    const quotas = await start();
    const id = await put(1, MINUTE);
    await eventually(() => expect(quotas.applies(IDENTITY, 'transactional', [])).toBe(true));
    await charge(quotas);
    expect((await charge(quotas, { overQuota: 'reject' })).kind).toBe('reject');
    expect(await put(2, MINUTE)).toBe(id);
    expect(await charge(quotas, { overQuota: 'reject' })).toMatchObject({ kind: 'charged' });
    expect(await removeQuota(database.db, id)).toMatchObject({ quotaId: id, limit: 2 });
    expect(await removeQuota(database.db, id)).toBe(null);
    expect(minutesUntil(await charge(quotas))).toEqual([0]);
    await eventually(() => expect(quotas.applies(IDENTITY, 'transactional', [])).toBe(false));
  });

  it('that is lowered lets nothing pass until all that went before fits', async () => {
    await put(5, MINUTE);
    const quotas = await start();
    for (let i = 0; i < 8; i += 1) await charge(quotas);
    await put(2, MINUTE);
    expect(minutesUntil(await charge(quotas))).toEqual([2]);
    expect((await quotas.remaining(IDENTITY, 'transactional', []))[0]).toMatchObject({ limit: 2, left: 0 });
  });

  it('goes with its credential', async () => {
    await put(1, MINUTE);
    await put(1, MINUTE, { credentialId: null, tenantId: 'default' });
    const quotas = await start();
    await charge(quotas);
    await removeCredential(database.db, 'app');
    expect((await listQuotas(database.db)).map(({ tenantId }) => tenantId)).toEqual(['default']);
    expect(await used()).toEqual([1]);
    await charge(quotas);
  });

  it('is found again by the part of its usage that matters, after its limit was raised in front of a long queue', async () => {
    await put(1, MINUTE);
    const quotas = await start();
    await charge(quotas, { to: ['x.example'] });
    const waiting = Array.from({ length: 600 }, () => charge(quotas));
    await Promise.all(waiting);
    await put(2, MINUTE);
    expect(minutesUntil(await charge(quotas))).toEqual([0]);
    for (const minute of [1, 2]) expect(minutesUntil(await charge(quotas))).toEqual([minute]);
  });
});

describe('a process that is killed while it charges', () => {
  it('holds nobody up, and leaves nothing half done', async () => {
    await put(3, MINUTE);
    const victim = spawn(process.execPath, [WORKER, database.url], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(victim, 'close');
    // It says "charging" again and again, as it goes.
    for (let i = 0; i < 20; i += 1) await once(victim.stdout, 'data');
    victim.kill('SIGKILL');
    await ended;
    const quotas = await start();
    await charge(quotas);
    const [row] = await database.rows<{ used: number; most: number }>(
      `select sum(used)::int as used, max(around)::int as most from (
         select used, sum(used) over (order by bucket range between 60 preceding and current row) as around
         from quota_usage) usage`,
    );
    expect(row!.most).toBe(3);
    expect(row!.used).toBeGreaterThan(20);
    // Turns have no gap: room that was charged for is written, and what was written was charged for.
    const gaps = await database.rows(
      `select bucket from (select bucket, bucket - lag(bucket) over (order by bucket) as step,
         used, lead(bucket) over (order by bucket) as next from quota_usage where used > 0) u
       where step > 61 or (next is not null and used <> 3 and step is not null)`,
    );
    expect(gaps).toEqual([]);
  });
});

describe('eight processes', () => {
  it('share a quota exactly: 1,600 messages, never more than 100 in a minute, and none late', async () => {
    const limit = 100;
    await put(limit, MINUTE);
    const processes = await Promise.all(Array.from({ length: 8 }, start));
    const charges = await Promise.all(processes.flatMap(quotas => Array.from({ length: 200 }, () => charge(quotas))));
    // Of mail that may go at once only the bucket of a second is known: it went at its end, at the latest.
    const times = charges.map(one => {
      if (one.kind !== 'charged') throw new Error(one.kind);
      return one.turns[0]!.at?.getTime() ?? one.marks[0]!.bucket * 1_000 + 999;
    });
    expect(mostInAnyWindow(times, MINUTE)).toBe(limit);
    const [first, last] = [Math.min(...times), Math.max(...times)];
    expect(last - first).toBeLessThanOrEqual(15 * 61_000);
    const [row] = await database.rows(
      `select sum(used)::int as used, max(around)::int as most from (
         select used, sum(used) over (order by bucket range between 60 preceding and current row) as around
         from quota_usage) usage`,
    );
    expect(row).toEqual({ used: 1_600, most: limit });
  });
});
