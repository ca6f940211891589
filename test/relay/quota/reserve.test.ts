// Finding mail its turn: against an oracle that looks at every window, and as tables that a person can check.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Group, type Ledgers, type Placement, placeEach, placeWhole } from '../../../relay/quota/reserve.ts';
import { bucketMsOf } from '../../../src/store/quotas.ts';
import { type ModelQuota, ModelStore, mostInAnyWindow, Oracle } from './model.ts';

const NONE: Ledgers = { messages: [], recipients: [] };
const NOW = 1_795_000_000_123;
const FAR = NOW + 86_400_000_000;
const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;

const quota = (limit: number, windowMs: number): ModelQuota => ({ limit, windowMs, bucketMs: bucketMsOf(windowMs) });
const many = (count: number) => Array.from({ length: count }, (_, n) => n);
const one = (recipients: readonly number[]): Group[] => [{ recipients, ledgers: NONE }];

/** One message to so many, under quotas of recipients. */
const send = (store: ModelStore, count = 1, now = NOW, notAfter = FAR) =>
  store.transaction(now, ledgers =>
    placeEach({ common: { messages: [], recipients: ledgers }, groups: one(many(count)) }, now, notAfter),
  );

const sendWhole = (store: ModelStore, count: number, now = NOW) =>
  store.transaction(now, ledgers =>
    placeWhole({ common: { messages: [], recipients: ledgers }, groups: one(many(count)) }, now),
  );

/** Turns as seconds from now on; the present is 0. */
function turns(placement: Placement, now = NOW): number[] {
  if (placement.kind !== 'placed') throw new Error(`no room: ${JSON.stringify(placement)}`);
  return placement.turns.map(({ at }) => (at === null ? 0 : (at - now) / 1_000));
}

describe('one quota', () => {
  it('of 5 a minute: five go at once, five more in the bucket behind the minute, and so on', () => {
    const store = new ModelStore([quota(5, MINUTE)]);
    const found = many(12).map(() => turns(send(store))[0]!);
    expect(found).toEqual([0, 0, 0, 0, 0, 60.877, 60.877, 60.877, 60.877, 60.877, 121.877, 121.877]);
  });

  it('a message of many recipients goes out in pieces, as there is room', () => {
    const store = new ModelStore([quota(100, MINUTE)]);
    const found = turns(send(store, 1_000));
    expect([...new Set(found)]).toEqual(many(10).map(i => (i === 0 ? 0 : i * 61 - 0.123)));
    expect([...Map.groupBy(found, at => at).values()].map(piece => piece.length)).toEqual(many(10).map(() => 100));
  });

  it('what is free again is used: not a fixed window, and not a fixed place in the queue', () => {
    const store = new ModelStore([quota(2, MINUTE)]);
    expect(turns(send(store, 1))).toEqual([0]);
    expect(turns(send(store, 1, NOW + 30 * SECOND), NOW + 30 * SECOND)).toEqual([0]);
    expect(turns(send(store, 1, NOW + 40 * SECOND), NOW)).toEqual([60.877]);
    expect(turns(send(store, 1, NOW + 40 * SECOND), NOW)).toEqual([90.877]);
    expect(turns(send(store, 1, NOW + 40 * SECOND), NOW)).toEqual([121.877]);
  });

  it.each([
    ['a second', SECOND, 0.95],
    ['two seconds', 2 * SECOND, 0.95],
    ['seven seconds', 7 * SECOND, 0.98],
    ['a minute', MINUTE, 0.98],
    ['15 minutes', 15 * MINUTE, 0.98],
    ['a day', DAY, 0.98],
    ['a month', 31 * DAY, 0.98],
  ])('of %s keeps most of its rate, and never exceeds it', (_name, windowMs, share) => {
    const store = new ModelStore([quota(10, windowMs)]);
    const times = many(300).map(() => turns(send(store))[0]! * 1_000);
    expect(mostInAnyWindow(times, windowMs)).toBe(10);
    // The last of 300 would come 29 windows later, if windows were not counted in buckets.
    expect(29 / (times.at(-1)! / windowMs)).toBeGreaterThanOrEqual(share);
  });

  it('a turn that comes too late is none: nothing is taken, and it is said when to come again', () => {
    const store = new ModelStore([quota(1, MINUTE)]);
    send(store, 3);
    const notAfter = NOW + 150 * SECOND;
    const refused = send(store, 1, NOW, notAfter);
    expect(refused).toEqual({ kind: 'no-room', quotaId: 0, freeAt: NOW + 182_877 - 150 * SECOND });
    expect(send(store, 2, NOW, notAfter)).toMatchObject({ kind: 'no-room', quotaId: 0 });
    expect(turns(send(store))).toEqual([182.877]);
  });

  it('finds its turn behind 100,000 others without reading through them', () => {
    const store = new ModelStore([quota(5, MINUTE)]);
    send(store, 100_000, NOW, FAR * 2);
    store.reads = 0;
    expect(turns(send(store, 1, NOW, FAR * 2))).toEqual([20_000 * 61 - 0.123]);
    expect(store.reads).toBeLessThanOrEqual(2);
  });
});

describe('whole or not at all', () => {
  it('takes what fits, and else nothing, and tells when it would', () => {
    const store = new ModelStore([quota(10, MINUTE)]);
    expect(turns(sendWhole(store, 6))).toEqual(many(6).map(() => 0));
    expect(sendWhole(store, 5)).toEqual({ kind: 'no-room', quotaId: 0, freeAt: NOW + 60_877 });
    expect(turns(sendWhole(store, 4))).toEqual([0, 0, 0, 0]);
    expect(sendWhole(store, 1)).toMatchObject({ kind: 'no-room', freeAt: NOW + 60_877 });
  });

  it('never takes more than the whole quota', () => {
    const store = new ModelStore([quota(10, MINUTE)]);
    expect(sendWhole(store, 11)).toEqual({ kind: 'no-room', quotaId: 0, freeAt: null });
  });
});

describe('several quotas', () => {
  it('all have to agree: 5 a minute and 8 in ten minutes', () => {
    const store = new ModelStore([quota(5, MINUTE), quota(8, 10 * MINUTE)]);
    const found = many(10).map(() => turns(send(store))[0]!);
    expect(found.slice(0, 8)).toEqual([0, 0, 0, 0, 0, 60.877, 60.877, 60.877]);
    // Buckets of ten seconds, from the even ten seconds on.
    expect(found.slice(8)).toEqual([609.877, 609.877]);
  });

  it('a message counts once, when its first recipient goes; others do not wait for a domain that is slow', () => {
    const store = new ModelStore([quota(1, MINUTE), quota(1, 10 * MINUTE)]);
    const message = (now: number) =>
      store.transaction(now, ([messages, slow]) =>
        placeEach(
          {
            common: { messages: [messages!], recipients: [] },
            groups: [
              { recipients: [0, 1], ledgers: { messages: [], recipients: [slow!] } },
              { recipients: [2, 3], ledgers: NONE },
            ],
          },
          now,
          FAR,
        ),
      );
    const byRecipient = (placement: Placement) => {
      if (placement.kind !== 'placed') throw new Error('no room');
      return placement.turns.toSorted((a, b) => a.n - b.n).map(({ at }) => (at === null ? 0 : (at - NOW) / 1_000));
    };
    expect(byRecipient(message(NOW))).toEqual([0, 609.877, 0, 0]);
    const second = message(NOW);
    expect(byRecipient(second)).toEqual([1_219.877, 1_829.877, 60.877, 60.877]);
    expect(
      second.kind === 'placed' &&
        Map.groupBy(second.turns, turn => turn.delayedBy)
          .get(0)
          ?.map(({ n }) => n),
    ).toEqual([2, 3]);
  });
});

const quotas = fc.array(
  fc
    .record({ limit: fc.integer({ min: 1, max: 6 }), windowMs: fc.constantFrom(1_000, 2_500, 7_000) })
    .map(({ limit, windowMs }) => quota(limit, windowMs)),
  { minLength: 1, maxLength: 3 },
);
const steps = fc.array(
  fc.record({
    afterMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3_000 })),
    which: fc.uniqueArray(fc.integer({ min: 0, max: 2 }), { minLength: 1 }),
    count: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 1, maxLength: 15 },
);

describe('any mail under any quotas', () => {
  it('gets the turn that the oracle gives it, and no stretch of time sees more than the limit', () => {
    fc.assert(
      fc.property(quotas, steps, (given, wanted) => {
        const store = new ModelStore(given);
        const oracle = new Oracle(given);
        const times: number[][] = given.map(() => []);
        let now = NOW;
        for (const { afterMs, which, count } of wanted) {
          now += afterMs;
          const ids = which.filter(id => id < given.length);
          const placement = store.transaction(now, ledgers => {
            const recipients = ids.map(id => ledgers[id]!);
            return placeEach({ common: { messages: [], recipients }, groups: one(many(count)) }, now, FAR);
          });
          if (placement.kind !== 'placed') throw new Error('no room');
          const found = placement.turns.map(({ at }) => at ?? now);
          expect(found).toEqual(many(count).map(() => oracle.take(ids, now)));
          for (const id of ids) times[id]!.push(...found);
        }
        for (const [id, { limit, windowMs }] of given.entries())
          expect(mostInAnyWindow(times[id]!, windowMs)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 40 },
    );
  });

  it('to any domains, in any mode: messages and recipients stay within their limits', () => {
    fc.assert(
      fc.property(
        quotas,
        fc.array(
          fc.record({
            afterMs: fc.integer({ min: 0, max: 10_000 }),
            domains: fc.array(fc.constantFrom('slow', 'other'), { minLength: 1, maxLength: 5 }),
            whole: fc.boolean(),
            patienceMs: fc.constantFrom(0, 30_000, 86_400_000),
          }),
          { minLength: 1, maxLength: 25 },
        ),
        (given, wanted) => {
          const [messages, recipients, slow] = [given[0]!, given[1] ?? given[0]!, given[2] ?? given[0]!];
          const store = new ModelStore([messages, recipients, slow, messages]);
          const times: number[][] = [[], [], [], []];
          let now = NOW;
          for (const { afterMs, domains, whole, patienceMs } of wanted) {
            now += afterMs;
            const placement = store.transaction(now, ([all, each, toSlow, slowMessages]) => {
              const groups = ['slow', 'other']
                .map(domain => ({
                  recipients: many(domains.length).filter(n => domains[n] === domain),
                  ledgers: domain === 'slow' ? { messages: [slowMessages!], recipients: [toSlow!] } : NONE,
                }))
                .filter(group => group.recipients.length > 0);
              const order = { common: { messages: [all!], recipients: [each!] }, groups };
              return whole ? placeWhole(order, now) : placeEach(order, now, now + patienceMs);
            });
            if (placement.kind !== 'placed') continue;
            const found = placement.turns.map(({ n, at }) => ({ at: at ?? now, domain: domains[n]! }));
            expect(found).toHaveLength(domains.length);
            expect(Math.max(...found.map(({ at }) => at))).toBeLessThanOrEqual(now + patienceMs);
            const toSlow = found.filter(({ domain }) => domain === 'slow').map(({ at }) => at);
            times[0]!.push(Math.min(...found.map(({ at }) => at)));
            times[1]!.push(...found.map(({ at }) => at));
            times[2]!.push(...toSlow);
            if (toSlow.length > 0) times[3]!.push(Math.min(...toSlow));
          }
          for (const [id, { limit, windowMs }] of store.quotas.entries())
            expect(mostInAnyWindow(times[id]!, windowMs)).toBeLessThanOrEqual(limit);
        },
      ),
      { numRuns: 300 },
    );
  });
});
