// What a person does to deliveries by hand, on a real PostgreSQL, beside a dispatcher that takes what is due.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DeliveryState } from '../../src/mail/outcome.ts';
import type { MessageId } from '../../src/mail/submission.ts';
import { newId } from '../../src/platform/id.ts';
import { type Acceptance, acceptMessages } from '../../src/store/accept.ts';
import { findMessages } from '../../src/store/archive.ts';
import { type Choice, controlDeliveries, countChosen, type Deed } from '../../src/store/control.ts';
import { recordProgress } from '../../src/store/deliveries.ts';
import { acceptance } from '../support/acceptance.ts';
import { claimSome } from '../support/claims.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
const LIFE_MS = 3_600_000;
const STATES = ['queued', 'held', 'captured', 'delivered', 'failed', 'expired', 'suppressed', 'cancelled'] as const;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
afterEach(() => database.rows('truncate messages, contents, deliveries, attempts, events cascade'));

async function accepted(...wanted: Acceptance[]): Promise<MessageId[]> {
  await acceptMessages(database.pool, wanted);
  return wanted.map(({ message }) => message.messageId);
}
const control = (deed: Deed, choice: Choice) => controlDeliveries(database.db, deed, choice, LIFE_MS);
const claim = async () => {
  const options = { which: 'due', limit: 100, holder: 'node:run', leaseMs: 60_000 } as const;
  return (await claimSome(database.pool, options)).claimed;
};
const deliveries = () =>
  database.rows<{ n: number; state: DeliveryState; reason: string | null }>(
    'select n, state, reason from deliveries order by message_id, n',
  );
const events = () => database.rows(`select kind, n, data from events where kind <> 'accepted' order by event_id`);

/** One message with a delivery in each state, the last of them being tried. */
async function oneOfEach(): Promise<MessageId> {
  const [messageId] = await accepted(acceptance([...STATES, 'leased'].map(state => `${state}@x.example`)));
  for (const [n, state] of STATES.entries()) {
    await database.rows(
      `update deliveries set state = $1, due_at = case when $1 = 'queued' then now() + interval '1 hour' end where n = $2`,
      state,
      n,
    );
  }
  await database.rows(`update deliveries set lease_holder = 'x', attempt = 1 where n = ${STATES.length}`);
  return messageId!;
}

describe('by hand', () => {
  it.each<[Deed, readonly DeliveryState[], string, DeliveryState, string]>([
    ['hold', ['queued'], 'held', 'held', 'held-by-hand'],
    ['release', ['held'], 'released', 'queued', 'released-by-hand'],
    ['cancel', ['queued', 'held'], 'cancelled', 'cancelled', 'cancelled-by-hand'],
    ['retry', ['queued', 'failed', 'expired'], 'retried', 'queued', 'retried-by-hand'],
  ])('%s changes what is %j and nothing else, each with its event', async (deed, from, event, state, reason) => {
    const messageId = await oneOfEach();
    const before = await deliveries();
    // What is leased is queued, too.
    const beingTried = from.includes('queued') ? 1 : 0;
    expect(await control(deed, { messageIds: [messageId] })).toEqual([
      { messageId, deliveries: from.length, beingTried },
    ]);
    const changed = from.map(was => STATES.indexOf(was as never));
    expect(await deliveries()).toEqual(
      before.map(delivery => (changed.includes(delivery.n) ? { ...delivery, state, reason } : delivery)),
    );
    expect(await events()).toEqual(changed.map((n, i) => ({ kind: event, n, data: { reason, was: from[i] } })));
  });

  it('release and retry make it due now, with a full life before it, whatever it was held for', async () => {
    const [messageId] = await accepted(
      acceptance(['a@x.example'], { state: 'held', dueInMs: null, reason: 'over-quota: app' }),
    );
    await database.rows('update messages set expires_at = now()');
    await control('release', { messageIds: [messageId!] });
    expect(await claim()).toMatchObject([{ messageId, n: 0, attempt: 1 }]);
    expect(await database.rows('select 1 from messages where expires_at > now()')).toHaveLength(1);
    expect(await events()).toEqual([
      { kind: 'released', n: 0, data: { reason: 'released-by-hand', was: 'held', because: 'over-quota: app' } },
    ]);
  });

  it('retry lets the schedule of what was given up begin anew, and that of what waits go on', async () => {
    const [messageId] = await accepted(acceptance(['a@x.example', 'b@x.example', 'c@x.example']));
    for (const [n, state] of ['queued', 'failed', 'expired'].entries()) {
      await database.rows(
        `update deliveries set state = $1, attempt = 5, uncounted = 1, due_at = case when $1 = 'queued' then now() end
         where n = $2`,
        state,
        n,
      );
    }
    await control('retry', { messageIds: [messageId!] });
    expect(await database.rows('select n, attempt - uncounted as counted from deliveries order by n')).toEqual([
      { n: 0, counted: 4 },
      { n: 1, counted: 0 },
      { n: 2, counted: 0 },
    ]);
  });

  it('hold and cancel give no life back, and what they took is not claimed', async () => {
    const [held, cancelled] = await accepted(acceptance(), acceptance());
    await database.rows('update messages set expires_at = now()');
    await control('hold', { messageIds: [held!] });
    await control('cancel', { messageIds: [cancelled!] });
    expect(await claim()).toEqual([]);
    expect(await database.rows('select 1 from messages where expires_at > now()')).toEqual([]);
  });

  it('hold takes what waits for an upstream out of that queue too, and release lets it in again', async () => {
    const [messageId] = await accepted(acceptance(['a@x.example'], { waitsFor: 'default', dueInMs: 60_000 }));
    const parked = async () =>
      (await claimSome(database.pool, { which: 'parked', limit: 1, holder: 'h', leaseMs: 1 })).claimed;
    await control('hold', { messageIds: [messageId!] });
    expect(await parked()).toEqual([]);
    await control('release', { messageIds: [messageId!] });
    expect(await claim()).toHaveLength(1);
  });

  it('what the dispatcher takes while a person decides is being tried, and its outcome counts', async () => {
    const [messageId] = await accepted(acceptance());
    const dispatcher = await database.pool.connect();
    try {
      await dispatcher.query('begin');
      const { claimed } = await claimSome(dispatcher as never, {
        which: 'due',
        limit: 1,
        holder: 'h',
        leaseMs: 60_000,
      });
      expect(claimed).toHaveLength(1);
      const deed = control('cancel', { messageIds: [messageId!] });
      await eventually(async () => {
        const waiting = await database.rows(`select 1 from pg_stat_activity where wait_event_type = 'Lock'`);
        expect(waiting).toHaveLength(1);
      });
      await dispatcher.query('commit');
      expect(await deed).toEqual([{ messageId, deliveries: 0, beingTried: 1 }]);
    } finally {
      dispatcher.release();
    }
    const settled = {
      ...{ messageId: messageId!, n: 0, attempt: 1, state: 'delivered' as const, dueInMs: null, waitsFor: null },
      ...{ pinnedUpstream: null, keepsLease: false, reason: 'x', event: 'delivered' as const, eventData: null },
    };
    expect(await recordProgress(database.pool, 'h', { ended: [], opened: [], changes: [settled] })).toHaveLength(1);
    expect(await events()).toEqual([{ kind: 'delivered', n: 0, data: null }]);
  });

  it('of a message that has nothing of the kind does nothing', async () => {
    const [messageId] = await accepted(acceptance(['a@x.example'], { state: 'captured', dueInMs: null }));
    for (const deed of ['hold', 'release', 'cancel', 'retry'] as const) {
      expect(await control(deed, { messageIds: [messageId!, newId(Date.now()) as MessageId] })).toEqual([]);
    }
    expect(await events()).toEqual([]);
  });
});

describe('what fits', () => {
  const tagged = (tags: string[], metadata: Record<string, string> | null = null, to = ['a@x.example']) =>
    acceptance(to, {}, { tags, metadata });

  it.each<[string, Choice, number[]]>([
    ['a recipient, however it is spelt', { to: 'BOB@x.example' }, [1]],
    ['a pattern of recipients', { to: '*@x.example' }, [0, 1, 2]],
    ['a tag', { tag: 'welcome' }, [0, 2]],
    ['metadata, all of it', { metadata: { order: '1042', shop: 'de' } }, [2]],
    ['metadata, some of it', { metadata: { order: '1042' } }, [0, 2]],
    ['a tag and a recipient', { tag: 'welcome', to: 'a@x.example' }, [0]],
    ['since then', { since: new Date(Date.now() - 60_000) }, [1, 2]],
    ['a state', { state: 'queued' }, [0, 1, 2]],
    ['another state', { state: 'failed' }, []],
  ])('%s', async (_what, choice, expected) => {
    const ids = await accepted(
      tagged(['welcome', 'a'], { order: '1042' }),
      tagged([], null, ['bob@x.example', 'c@y.example']),
      tagged(['welcome'], { order: '1042', shop: 'de' }, ['d@x.example', 'e@y.example']),
    );
    await database.rows(`update messages set accepted_at = now() - interval '1 hour' where message_id = $1`, ids[0]);
    const chosen = expected.map(i => ids[i]!);
    const found = await findMessages(database.db, { ...choice, limit: 10 });
    expect(found.map(({ messageId }) => messageId)).toEqual(chosen.toReversed());
    expect(await countChosen(database.db, 'hold', choice)).toMatchObject({ messages: expected.length });
    expect((await control('hold', choice)).map(({ messageId }) => messageId)).toEqual(chosen);
  });

  it('by recipient is that delivery, and not the others of its message', async () => {
    await accepted(acceptance(['a@x.example', 'b@x.example']));
    await control('cancel', { to: 'a@x.example' });
    expect(await deliveries()).toMatchObject([{ state: 'cancelled' }, { state: 'queued' }]);
  });
});
