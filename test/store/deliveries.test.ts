// Deliveries as a queue, on a real PostgreSQL: who may take what, in which order, and whose word counts afterwards.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MessageId } from '../../src/mail/submission.ts';
import { type Acceptance, acceptMessages } from '../../src/store/accept.ts';
import { readRaw } from '../../src/store/archive.ts';
import { controlDeliveries } from '../../src/store/control.ts';
import {
  type DeliveryChange,
  type EndedAttempt,
  expireOverdue,
  loadContents,
  moveUpEndedLeases,
  parkedRoutes,
  pullForward,
  recordProgress,
  releaseLeases,
  releaseLeasesOfEarlierRuns,
  renewLeases,
  unpark,
} from '../../src/store/deliveries.ts';
import { queueSummary } from '../../src/store/queue-summary.ts';
import { acceptance } from '../support/acceptance.ts';
import { claimSome } from '../support/claims.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
const HOLDER = 'node:run1';
const LEASE_MS = 60_000;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
afterEach(() => database.rows('truncate messages, contents, deliveries, attempts, events cascade'));

async function accepted(...wanted: Acceptance[]): Promise<MessageId[]> {
  await acceptMessages(database.pool, wanted);
  return wanted.map(({ message }) => message.messageId);
}

const claim = (which: 'due' | 'parked' = 'due', limit = 100, holder = HOLDER) =>
  claimSome(database.pool, { which, limit, holder, leaseMs: LEASE_MS }).then(({ claimed }) => claimed);
const ids = (claimed: readonly { messageId: string }[]) => claimed.map(({ messageId }) => messageId);
const state = () =>
  database.rows(
    'select message_id, n, state, attempt, lease_holder, parked, reason from deliveries order by message_id, n',
  );

function change(messageId: MessageId, changes: Partial<DeliveryChange> = {}): DeliveryChange {
  return {
    ...{ messageId, n: 0, attempt: 1, state: 'delivered', dueInMs: null, waitsFor: null, pinnedUpstream: null },
    ...{ keepsLease: false, reason: 'accepted-by-upstream', event: 'delivered', eventData: { upstream: 'main' } },
    ...changes,
  };
}

function ended(messageId: MessageId, changes: Partial<EndedAttempt> = {}): EndedAttempt {
  return {
    ...{ messageId, n: 0, attempt: 1, hop: 0, openedAt: new Date(), endedAt: new Date(), result: 'accepted' as const },
    ...{
      stage: null,
      scope: null,
      smtpCode: 250,
      enhancedStatus: '2.0.0',
      detail: 'ok',
      remoteAddress: '192.0.2.1:25',
    },
    ...{ tls: null, decision: 'delivered', ...changes },
  };
}

describe('accepting', () => {
  it('keeps message, content, deliveries and event of a whole batch, bytes exact', async () => {
    const batch = [acceptance(['a@x.example', 'b@x.example']), acceptance(), acceptance()];
    const [first, second, third] = await accepted(...batch);
    for (const { message, content } of batch) {
      const raw = await readRaw(database.db, message.messageId);
      expect(raw!.equals(Buffer.concat([Buffer.from('Received: x\r\n'), content]))).toBe(true);
    }
    expect(await database.rows('select message_id, kind, n from events order by message_id')).toEqual(
      [first, second, third].map(message_id => ({ message_id, kind: 'accepted', n: null })),
    );
    expect(await state()).toHaveLength(4);
  });

  it('keeps all of a batch or none', async () => {
    const good = acceptance();
    const bad = acceptance(['a@x.example', 'b@x.example']);
    const twice = { ...bad, deliveries: bad.deliveries.map(delivery => ({ ...delivery, n: 0 })) };
    await expect(accepted(good, twice)).rejects.toThrow(/duplicate key/);
    expect(await database.rows('select 1 from messages')).toEqual([]);
    expect(await database.rows('select 1 from contents')).toEqual([]);
    expect(await database.rows('select 1 from events')).toEqual([]);
  });

  it('opens the attempt of what is handed over, and the ones that were passed over, for each recipient', async () => {
    const wanted = acceptance(['a@x.example', 'b@x.example'], {
      ...{ attempt: 1, leaseHolder: HOLDER, dueInMs: LEASE_MS, pinnedUpstream: 'second' },
    });
    await accepted({
      ...wanted,
      attempts: [
        { hop: 0, upstream: 'first', skipped: 'down for 1 s' },
        { hop: 1, upstream: 'second', skipped: null },
      ],
    });
    expect(
      await database.rows('select n, attempt, hop, upstream, result, detail from attempts order by n, hop'),
    ).toEqual(
      [0, 1].flatMap(n => [
        { n, attempt: 1, hop: 0, upstream: 'first', result: 'skipped', detail: 'down for 1 s' },
        { n, attempt: 1, hop: 1, upstream: 'second', result: null, detail: null },
      ]),
    );
    expect(await claim()).toEqual([]);
  });

  it('keeps an empty message, and one of 3 MB', async () => {
    const empty = { ...acceptance(), content: Buffer.alloc(0) };
    const large = { ...acceptance(), content: Buffer.alloc(3_000_000, 'ü') };
    const [first, second] = await accepted(empty, large);
    const contents = await loadContents(database.pool, [first!, second!]);
    expect(contents.get(first!)).toHaveLength(0);
    expect(contents.get(second!)!.equals(large.content)).toBe(true);
  });
});

describe('claiming', () => {
  it('takes what is due, counts the attempt up and leaves a lease', async () => {
    const [messageId] = await accepted(acceptance(['a@x.example', 'b@x.example']));
    const claimed = await claim();
    expect(claimed.map(({ n, attempt, recipient }) => ({ n, attempt, recipient }))).toEqual([
      { n: 0, attempt: 1, recipient: 'a@x.example' },
      { n: 1, attempt: 1, recipient: 'b@x.example' },
    ]);
    expect(claimed[0]).toMatchObject({ messageId, reversePath: 'sender@example.com', traceHeader: 'Received: x\r\n' });
    expect(await claim()).toEqual([]);
    expect(await state()).toMatchObject([{ attempt: 1, lease_holder: HOLDER }, { lease_holder: HOLDER }]);
  });

  it('takes the longest due first, no more than asked for, and nothing before its time', async () => {
    const [late, early, future] = await accepted(acceptance(), acceptance(), acceptance());
    await database.rows(`update deliveries set due_at = now() - interval '1 min' where message_id = $1`, early);
    await database.rows(`update deliveries set due_at = now() + interval '1 min' where message_id = $1`, future);
    expect(ids(await claim('due', 1))).toEqual([early]);
    expect(ids(await claim())).toEqual([late]);
    expect(ids(await claim())).toEqual([]);
  });

  it('knows a claim that was given back from the next one, though the same process has it', async () => {
    const [messageId] = await accepted(acceptance());
    await claim();
    const givenBack = change(messageId!, { state: 'queued', dueInMs: 0, uncounted: true, event: null });
    const record = () => recordProgress(database.pool, HOLDER, { ended: [], opened: [], changes: [givenBack] });
    expect(await record()).toHaveLength(1);
    const [again] = await claim();
    expect(again).toMatchObject({ attempt: 2, uncounted: 1 });
    // Its answer was lost on the way, so it is written a second time.
    expect(await record()).toEqual([]);
    expect(await state()).toMatchObject([{ attempt: 2, lease_holder: HOLDER }]);
  });

  it('lets what a person let go be, until it has been tried', async () => {
    const [messageId] = await accepted(acceptance(['a@x.example']));
    await controlDeliveries(database.db, 'retry', { messageIds: [messageId!] }, 1_000);
    await database.rows(`insert into suppressions (address_key, reason) values ('a@x.example', 'manual')`);
    await claim();
    const back = { ...change(messageId!), state: 'queued' as const, dueInMs: 0, event: null, reason: 'upstream-busy' };
    const record = (changes: DeliveryChange) =>
      recordProgress(database.pool, HOLDER, { ended: [], opened: [], changes: [changes] });
    await record({ ...back, uncounted: true });
    expect(ids(await claim())).toEqual([messageId]);
    await record({ ...back, attempt: 2 });
    expect(await claim()).toEqual([]);
    expect(await state()).toMatchObject([{ state: 'suppressed' }]);
    await database.rows('delete from suppressions');
  });

  it('parked mail is asked again when routes are other ones', async () => {
    const all = await accepted(acceptance(['a@x.example'], { waitsFor: 'old', dueInMs: 60_000 }), acceptance());
    expect(await parkedRoutes(database.pool)).toEqual(['old']);
    expect(ids(await claim('due'))).toEqual([all[1]]);
    expect(await unpark(database.pool, 10)).toBe(1);
    expect(ids(await claim('due'))).toEqual([all[0]]);
    expect(await parkedRoutes(database.pool)).toEqual([]);
  });

  it('calls those who were sent away from a busy upstream, first accepted first', async () => {
    const busy = { waitsFor: 'busy:slow', dueInMs: 60_000 };
    const all = await accepted(...Array.from({ length: 3 }, () => acceptance(['a@x.example'], busy)));
    expect(await parkedRoutes(database.pool)).toEqual([]);
    expect(await pullForward(database.pool, 'other', 2)).toBe(0);
    expect(await pullForward(database.pool, 'slow', 2)).toBe(2);
    expect(ids(await claim('due')).toSorted()).toEqual(all.slice(0, 2));
  });

  it('takes what a dead process was trying before all that waits', async () => {
    const [dead] = await accepted(acceptance());
    await claim('due', 1, 'dead:1');
    await accepted(acceptance(), acceptance());
    await database.rows(`update deliveries set due_at = now() - interval '1 hour' where lease_holder is null`);
    expect(await moveUpEndedLeases(database.pool)).toBe(0);
    await database.rows(`update messages set accepted_at = now() - interval '2 hours' where message_id = $1`, dead!);
    await database.rows(`update deliveries set due_at = now() where message_id = $1`, dead!);
    expect(await moveUpEndedLeases(database.pool)).toBe(1);
    expect(ids(await claim('due', 1))).toEqual([dead]);
  });

  it('takes what is parked first accepted first, whatever its time', async () => {
    const parked = { waitsFor: 'default', dueInMs: 60_000 };
    const all = await accepted(...Array.from({ length: 5 }, () => acceptance(['a@x.example'], parked)));
    await database.rows(`update deliveries set due_at = now() + interval '1 hour' where message_id = $1`, all[0]);
    expect(ids(await claim('parked', 3))).toEqual(all.slice(0, 3));
    expect(ids(await claim('parked', 3))).toEqual(all.slice(3));
    expect(await state()).toMatchObject(all.map(() => ({ parked: false })));
  });

  it('gives each delivery to one of many who claim at once', async () => {
    await accepted(...Array.from({ length: 50 }, () => acceptance()));
    const claims = await Promise.all(Array.from({ length: 8 }, (_, i) => claim('due', 10, `node:run${i}`)));
    const taken = claims.flatMap(ids);
    expect(new Set(taken).size).toBe(taken.length);
    expect(taken.length + (await claim('due', 100, 'rest')).length).toBe(50);
  });

  it('passes over what another transaction holds', async () => {
    const [held, free] = await accepted(acceptance(), acceptance());
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query('select 1 from deliveries where message_id = $1 for update', [held]);
    expect(ids(await claim())).toEqual([free]);
    await client.query('rollback');
    client.release();
    expect(ids(await claim())).toEqual([held]);
  });

  it('takes over a lease that has run out', async () => {
    await accepted(acceptance());
    await claim('due', 1, 'dead:run');
    await database.rows('update deliveries set due_at = now()');
    expect(await claim()).toMatchObject([{ attempt: 2 }]);
  });
});

describe('recording', () => {
  it('changes the state and tells of it in one', async () => {
    const [messageId] = await accepted(acceptance());
    await claim();
    await recordProgress(database.pool, HOLDER, {
      opened: [{ messageId: messageId!, n: 0, attempt: 1, hop: 0, upstream: 'main', skipped: null }],
      ...{ ended: [], changes: [] },
    });
    expect(await database.rows('select result from attempts')).toEqual([{ result: null }]);
    const changed = await recordProgress(database.pool, HOLDER, {
      ...{ ended: [ended(messageId!)], opened: [], changes: [change(messageId!)] },
    });
    expect(changed).toEqual([{ messageId, n: 0 }]);
    expect(await state()).toMatchObject([{ state: 'delivered', lease_holder: null, reason: 'accepted-by-upstream' }]);
    expect(await database.rows('select upstream, result, smtp_code from attempts')).toEqual([
      { upstream: 'main', result: 'accepted', smtp_code: 250 },
    ]);
    expect(await database.rows('select kind, n, data from events order by event_id')).toEqual([
      { kind: 'accepted', n: null, data: null },
      { kind: 'delivered', n: 0, data: { upstream: 'main' } },
    ]);
  });

  it('of whoever lost the lease changes nothing, and tells of nothing', async () => {
    const [messageId] = await accepted(acceptance());
    await claim('due', 1, 'slow:run');
    await database.rows('update deliveries set due_at = now()');
    await claim();
    const changes = [change(messageId!)];
    expect(await recordProgress(database.pool, 'slow:run', { ended: [], opened: [], changes })).toEqual([]);
    // The holder is right, the attempt is not: the same run, one lease later.
    expect(await recordProgress(database.pool, HOLDER, { ended: [], opened: [], changes })).toEqual([]);
    expect(await state()).toMatchObject([{ state: 'queued', attempt: 2, lease_holder: HOLDER }]);
    expect(await database.rows(`select 1 from events where kind = 'delivered'`)).toEqual([]);
    await recordProgress(database.pool, HOLDER, {
      ...{ ended: [], opened: [], changes: [change(messageId!, { attempt: 2 })] },
    });
    expect(await state()).toMatchObject([{ state: 'delivered' }]);
  });

  it('of a retry gives the lease back; going on to the next upstream keeps it', async () => {
    const [messageId] = await accepted(acceptance());
    await claim();
    const going: Partial<DeliveryChange> = {
      state: 'queued',
      dueInMs: 60_000,
      keepsLease: true,
      event: 'attempt-failed',
    };
    await recordProgress(database.pool, HOLDER, { ended: [], opened: [], changes: [change(messageId!, going)] });
    expect(await state()).toMatchObject([{ lease_holder: HOLDER }]);
    const waiting: Partial<DeliveryChange> = { state: 'queued', dueInMs: 60_000, event: 'deferred' };
    await recordProgress(database.pool, HOLDER, { ended: [], opened: [], changes: [change(messageId!, waiting)] });
    expect(await state()).toMatchObject([{ state: 'queued', lease_holder: null }]);
    expect(await claim()).toEqual([]);
  });
});

describe('leases', () => {
  it('are renewed by their holder alone', async () => {
    const [messageId] = await accepted(acceptance());
    await claim();
    await database.rows('update deliveries set due_at = now()');
    await renewLeases(database.pool, 'other:run', [{ messageId: messageId!, n: 0, attempt: 1 }], LEASE_MS);
    await renewLeases(database.pool, HOLDER, [{ messageId: messageId!, n: 0, attempt: 2 }], LEASE_MS);
    expect(await database.rows('select 1 from deliveries where due_at > now()')).toEqual([]);
    await renewLeases(database.pool, HOLDER, [{ messageId: messageId!, n: 0, attempt: 1 }], LEASE_MS);
    expect(await database.rows('select 1 from deliveries where due_at > now()')).toHaveLength(1);
  });

  it("of an earlier run of this node are released, those of this run and of others' are not", async () => {
    await accepted(acceptance(), acceptance(), acceptance());
    await claim('due', 1, 'node:run1');
    await claim('due', 1, 'node:run2');
    await claim('due', 1, 'node2:run1');
    expect(await releaseLeasesOfEarlierRuns(database.pool, 'node', 'node:run2')).toBe(1);
    const holders = await database.rows('select lease_holder from deliveries order by 1 nulls first');
    expect(holders.map(row => row.lease_holder)).toEqual([null, 'node2:run1', 'node:run2']);
    await releaseLeases(database.pool, 'node:run2');
    expect(await claim()).toHaveLength(2);
  });
});

describe('expiry', () => {
  it('settles what is too old and parked, with its reason, and tells of it; what is due only where that is wanted', async () => {
    const parked = { waitsFor: 'default', dueInMs: 60_000, reason: 'upstreams-down' };
    const [old, young, due] = await accepted(
      acceptance(['a@x.example'], parked),
      acceptance(['a@x.example'], parked),
      acceptance(),
    );
    await database.rows(`update messages set expires_at = now() where message_id <> $1`, young);
    expect(await expireOverdue(database.pool, 'parked', 100)).toBe(1);
    expect(await state()).toMatchObject([
      { state: 'expired', reason: 'expired-in-queue: upstreams-down' },
      { state: 'queued' },
      { message_id: due, state: 'queued' },
    ]);
    expect(await database.rows(`select message_id, n from events where kind = 'expired'`)).toEqual([
      { message_id: old, n: 0 },
    ]);
    expect(await expireOverdue(database.pool, 'due', 100)).toBe(1);
    expect((await state())[2]).toMatchObject({ message_id: due, state: 'expired', reason: 'expired-in-queue' });
  });

  it('leaves alone what is not due yet, and what somebody tries', async () => {
    await accepted(acceptance(), acceptance(['a@x.example'], { dueInMs: 60_000 }));
    await claim('due', 1);
    await database.rows('update messages set expires_at = now()');
    await database.rows('update deliveries set due_at = now() where lease_holder is not null');
    expect(await expireOverdue(database.pool, 'due', 100)).toBe(0);
  });
});

describe('the queue in figures', () => {
  it('counts what is due, leased and parked, and why', async () => {
    expect(await queueSummary(database.pool)).toMatchObject({
      queued: 0,
      due: 0,
      leased: 0,
      parked: 0,
      oldestAcceptedAt: null,
    });
    await accepted(
      acceptance(),
      acceptance(['a@x.example'], { waitsFor: 'default', reason: 'upstreams-down: x' }),
      acceptance(),
    );
    await claim('due', 1);
    const summary = await queueSummary(database.pool);
    expect(summary).toMatchObject({ queued: 3, leased: 1 });
    expect(summary.reasons.map(({ reason }) => reason)).toContain('fresh');
  });
});

describe('the database defends itself', () => {
  it.each([
    [`update deliveries set state = 'lost'`, /check/],
    ['update deliveries set due_at = null', /check/],
    [`update deliveries set state = 'delivered'`, /check/],
    [
      `insert into attempts (message_id, n, attempt, hop, upstream, opened_at) values ('x', 0, 1, 0, 'u', now())`,
      /foreign key/,
    ],
    ['delete from messages', /foreign key/],
  ])('%s', async (statement, problem) => {
    await accepted(acceptance());
    await expect(database.rows(statement)).rejects.toThrow(problem);
  });
});
