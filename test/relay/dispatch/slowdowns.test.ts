// Ways that are slowed down: what is learned, what is told, and what other processes know of it. Time is passed in; in the
// database it passes by changing rows.
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Slowdowns } from '../../../relay/dispatch/slowdowns.ts';
import { judgeReply } from '../../../relay/faults/judge.ts';
import type { AttemptResult, Stage } from '../../../src/mail/upstream.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createPool } from '../../../src/platform/postgres.ts';
import { cloneDatabase } from '../../support/database.ts';
import { replyOf } from '../faults/said.ts';

const database = await cloneDatabase();
afterAll(() => database.drop());
beforeEach(async () => {
  await database.rows('delete from slowdowns');
  await database.rows('delete from events');
});
const started: Slowdowns[] = [];
afterEach(() => Promise.all(started.splice(0).map(one => one.stop())));

const NOON = Date.parse('2026-12-01T12:03:20Z');
const MX = { name: 'mx', hasManyHosts: true };
const SES = { name: 'ses' };
const SLOWER = '421 4.7.28 Gmail has detected an unusual rate of unsolicited email';

const refused = (said: string, stage: Stage = 'final'): AttemptResult => ({
  ...{ kind: 'refused', stage, reply: replyOf(said) },
  ...judgeReply(stage, replyOf(said), null),
});

/** One process, with a clock of its own. */
function processOf(node: string, { count = 1, pool = database.pool, clockIsOffBy = 0 } = {}) {
  const lines: Record<string, unknown>[] = [];
  const metrics = createMetrics(async () => 0);
  const neighbours = { count };
  const now = { now: NOON };
  const slowdowns = new Slowdowns({
    ...{ pool, neighbours, upstreams: () => ['mx', 'ses'], node, metrics },
    clock: () => now.now + clockIsOffBy,
    log: createLog('info', { write: line => void lines.push(JSON.parse(line)) }),
  });
  started.push(slowdowns);
  return {
    slowdowns,
    lines,
    neighbours,
    async gauge(upstream: string) {
      const { values } = await metrics.slowedPairs.get();
      return values.find(({ labels }) => labels.upstream === upstream)?.value;
    },
    at(ms: number) {
      now.now = NOON + ms;
    },
    turn: (upstream: string, domain: string, hasWaited = false, isPromised = true) =>
      slowdowns.turn(upstream, domain, now.now + clockIsOffBy, { hasWaited, isPromised }),
    peek: (upstream: string, domain: string) => slowdowns.peek(upstream, domain, now.now + clockIsOffBy),
    learn(upstream: typeof MX | typeof SES, domain: string, said = SLOWER, begunAgoMs = 0) {
      const time = now.now + clockIsOffBy;
      slowdowns.learn({ upstream, domains: [domain], results: [refused(said)], begunAt: time - begunAgoMs }, time);
    },
    share: () => slowdowns.share(),
  };
}

const events = () =>
  database.rows<{ kind: string; topic: string; data: object }>('select kind, topic, data from events');

describe('whoever goes elsewhere instead', () => {
  it("takes nobody's turn", () => {
    const one = processOf('one');
    one.learn(MX, 'gmail.com');
    while (one.turn('mx', 'gmail.com') === null);
    const first = one.turn('mx', 'gmail.com', false, false);
    expect(one.turn('mx', 'gmail.com', false, false)).toEqual(first);
    expect(one.turn('mx', 'gmail.com')).toEqual(first);
    expect(one.turn('mx', 'gmail.com')!.waitMs).toBeGreaterThan(first!.waitMs);
  });
});

describe('a domain that asks us to be slower', () => {
  it('gets half of what went there lately; others get all that there is', async () => {
    const one = processOf('one');
    for (let i = 0; i < 10; i += 1) expect(one.turn('mx', 'gmail.com')).toBeNull();
    expect(one.peek('mx', 'gmail.com')).toBeNull();
    one.learn(MX, 'gmail.com');
    expect(one.turn('mx', 'gmail.com')).toBeNull();
    const reason = `slowed to 0.5/s for gmail.com at mx since 12:03 UTC (${SLOWER})`;
    expect(one.turn('mx', 'gmail.com')).toEqual({ waitMs: expect.closeTo(1_987, 0), reason });
    expect(one.turn('mx', 'gmail.com')!.waitMs).toBeCloseTo(3_948, 0);
    expect(one.peek('mx', 'gmail.com')).toBe(reason);
    expect([one.turn('mx', 'yahoo.com'), one.turn('ses', 'gmail.com')]).toEqual([null, null]);
    one.at(1_990);
    expect([one.turn('mx', 'gmail.com', true), one.turn('mx', 'gmail.com')]).toEqual([null, expect.anything()]);
    expect([await one.gauge('mx'), await one.gauge('ses')]).toEqual([1, 0]);
  });

  it('is told of in words that the database takes, wherever they are cut', () => {
    const one = processOf('one');
    one.learn(MX, 'gmail.com', `${SLOWER} ${'x'.repeat(198 - SLOWER.length)}\u{1f4a9} more`);
    expect(one.peek('mx', 'gmail.com')).toMatch(/x\ufffd\)$/);
  });

  it('is free again when it has taken more and more for a while', async () => {
    const one = processOf('one');
    one.learn(MX, 'gmail.com');
    await one.share();
    await database.rows(`update slowdowns set free_at = now()`);
    one.at(600_000);
    expect([one.turn('mx', 'gmail.com'), one.turn('mx', 'gmail.com')]).toEqual([null, null]);
    await one.share();
    expect(one.lines).toMatchObject([
      {
        event: 'pair-slowed',
        upstream: 'mx',
        domain: 'gmail.com',
        ratePerSecond: 0.1,
        rule: 'gmail-address-reputation',
      },
      { event: 'pair-recovered', upstream: 'mx', domain: 'gmail.com' },
    ]);
    expect(await events()).toMatchObject([
      { kind: 'pair-slowed', topic: 'upstream:mx', data: { domain: 'gmail.com', node: 'one', reason: SLOWER } },
      { kind: 'pair-recovered', topic: 'upstream:mx', data: { domain: 'gmail.com', node: 'one' } },
    ]);
    expect([await database.rows('select 1 from slowdowns'), await one.gauge('mx')]).toEqual([[], 0]);
  });

  it('is told of once a minute at the most', async () => {
    const one = processOf('one');
    for (const at of [0, 5_000, 30_000]) {
      one.at(at);
      one.learn(MX, 'gmail.com');
      await one.share();
      await database.rows(`update slowdowns set slowed_at = slowed_at - interval '5 s'`);
    }
    expect([one.lines.length, (await events()).length]).toEqual([1, 1]);
    one.at(61_000);
    await database.rows(`update slowdowns set told_at = told_at - interval '1 minute'`);
    one.learn(MX, 'gmail.com');
    await one.share();
    expect([one.lines.length, (await events()).length]).toEqual([2, 2]);
  });
});

describe('what is slowed', () => {
  it.each<[string, typeof MX | typeof SES, string, [string, string][]]>([
    [
      'a smart host that speaks of itself, to everybody',
      SES,
      '454 Throttling failure: Maximum sending rate exceeded',
      [
        ['ses', 'gmail.com'],
        ['ses', 'yahoo.com'],
      ],
    ],
    ['a smart host that speaks of the way, to that domain', SES, SLOWER, [['ses', 'gmail.com']]],
    ['a domain behind mx://, whatever it speaks of', MX, '421 4.3.2 All server ports are busy', [['mx', 'gmail.com']]],
    ['nothing by a full mailbox', MX, '452 4.2.2 mailbox full', []],
    [
      'nothing by a 5xx about our address',
      MX,
      '550 5.7.28 Gmail has detected an unusual rate of unsolicited email',
      [],
    ],
  ])('is %s', (_what, upstream, said, slow) => {
    const one = processOf('one');
    one.learn(upstream, 'gmail.com', said);
    const all = [SES, MX].flatMap(({ name }) => ['gmail.com', 'yahoo.com'].map(domain => [name, domain] as const));
    expect(all.filter(([name, domain]) => one.peek(name, domain) !== null)).toEqual(slow);
  });

  it('takes no turn of the domain while the smart host says wait', () => {
    const one = processOf('one');
    one.learn(SES, 'gmail.com');
    one.at(1_200);
    one.learn(SES, 'gmail.com');
    one.at(1_500);
    one.learn(SES, 'gmail.com', '454 Throttling failure: Maximum sending rate exceeded');
    expect(one.turn('ses', 'yahoo.com')).toBeNull();
    const { reason } = one.turn('ses', 'gmail.com')!;
    expect(reason).toMatch(/^slowed to 0\.1\/s at ses since/);
    one.at(11_500);
    expect(one.turn('ses', 'gmail.com', true)).toBeNull();
  });

  it('is slowed once by those who were under way together', async () => {
    const one = processOf('one');
    one.learn(MX, 'gmail.com');
    const before = one.peek('mx', 'gmail.com');
    one.at(1_200);
    one.learn(MX, 'gmail.com', SLOWER, 2_000);
    expect(one.peek('mx', 'gmail.com')).toBe(before);
    one.learn(MX, 'gmail.com', SLOWER, 100);
    expect(one.peek('mx', 'gmail.com')).toMatch(/^slowed to 3\/min /);
  });

  it('is bounded, however many domains say so', async () => {
    const one = processOf('one');
    const domains = Array.from({ length: 1_001 }, (_, i) => `d${i}.example`);
    one.slowdowns.learn({ upstream: MX, domains, results: domains.map(() => refused(SLOWER)), begunAt: NOON }, NOON);
    expect([one.peek('mx', 'd0.example'), await one.gauge('mx')]).toEqual([null, 1_000]);
  });
});

describe('processes', () => {
  it('share what one of them has learned, whatever their clocks say, each with its part of the rate', async () => {
    const one = processOf('one', { count: 2 });
    const other = processOf('other', { count: 2, clockIsOffBy: -3_600_000 });
    for (let i = 0; i < 10; i += 1) one.turn('mx', 'gmail.com');
    one.learn(MX, 'gmail.com');
    await one.share();
    expect(other.turn('mx', 'gmail.com')).toBeNull();
    await other.share();
    expect(other.turn('mx', 'gmail.com')).toBeNull();
    expect(other.peek('mx', 'gmail.com')).toMatch(/^slowed to 1\/s for gmail\.com at mx since 11:03 UTC/);
    // One a second for both: each one in two seconds, or a little less as it recovers.
    const { waitMs } = other.turn('mx', 'gmail.com')!;
    expect(waitMs).toBeGreaterThan(1_900);
    expect(waitMs).toBeLessThan(2_000);
    expect(await other.gauge('mx')).toBe(1);
    // Told once, by the one that learned it.
    expect([one.lines.length, other.lines.length]).toEqual([1, 0]);
  });

  it('that hear of it at the same time slow it once, and go by the first', async () => {
    const [one, other] = [processOf('one'), processOf('other')];
    for (let i = 0; i < 20; i += 1) one.turn('mx', 'gmail.com');
    for (let i = 0; i < 80; i += 1) other.turn('mx', 'gmail.com');
    one.learn(MX, 'gmail.com');
    await one.share();
    other.learn(MX, 'gmail.com');
    await other.share();
    await one.share();
    const rates = [one, other].map(({ peek }) => /^slowed to \S+/.exec(peek('mx', 'gmail.com')!)![0]);
    expect(rates).toEqual(['slowed to 1/s', 'slowed to 1/s']);
    expect(await events()).toHaveLength(1);
  });

  it('know it after a start, and tell of what was over while nobody was there', async () => {
    const one = processOf('one');
    one.learn(MX, 'gmail.com');
    one.learn(MX, 'yahoo.com');
    await one.share();
    await database.rows(`update slowdowns set free_at = now() where domain = 'yahoo.com'`);
    const next = processOf('next');
    await next.slowdowns.start();
    expect([next.peek('mx', 'gmail.com'), next.peek('mx', 'yahoo.com')]).toEqual([expect.any(String), null]);
    expect(next.lines).toMatchObject([{ event: 'pair-recovered', domain: 'yahoo.com' }]);
  });

  it('go by what they know themselves while the database is away', async () => {
    const pool = createPool(database.url, { max: 1, name: 'gone', log: createLog('silent') });
    await pool.end();
    const one = processOf('one', { pool });
    await one.slowdowns.start();
    one.learn(MX, 'gmail.com');
    await one.share();
    expect(one.peek('mx', 'gmail.com')).toMatch(/^slowed to 0\.1\/s/);
  });
});
