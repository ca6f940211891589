// Mail that is late is said to be, once each, from when it was to begin; the clock is passed, and time is data.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { sweepDelays } from '../../../relay/dsn/delays.ts';
import type { MessageId } from '../../../src/mail/submission.ts';
import { newId } from '../../../src/platform/id.ts';
import { createLog } from '../../../src/platform/log.ts';
import { acceptMessages, type NewDelivery } from '../../../src/store/accept.ts';
import { acceptance } from '../../support/acceptance.ts';
import { cloneDatabase, type TestDatabase } from '../../support/database.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Of the tests that follow each other, each its day: what one left behind is not late in the next. */
let now = Date.now();

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
beforeEach(async () => {
  now += 24 * HOUR_MS;
  await database.rows('truncate messages cascade');
  await sweepUntil(now);
});
afterAll(() => database.drop());

const sweep = (at: number, delayWarningMs = 4 * HOUR_MS) =>
  sweepDelays({ pool: database.pool, delayWarningMs, clock: () => at, log: createLog('silent') });

async function sweepUntil(at: number): Promise<void> {
  while (await sweep(at));
}

/** Accepted that long after now. */
async function send(
  afterMs: number,
  changes: Partial<NewDelivery> = {},
  recipients = ['a@x.example'],
): Promise<MessageId> {
  const messageId = newId(now + afterMs) as MessageId;
  await acceptMessages(database.pool, [acceptance(recipients, changes, { messageId })]);
  return messageId;
}

const late = async () =>
  (
    await database.rows<{ id: MessageId }>(
      `select message_id as id from events where kind = 'delayed' order by event_id`,
    )
  ).map(({ id }) => id);

it('what is still queued after the time is late, and nothing else', async () => {
  const queued = await send(MINUTE_MS);
  await send(2 * MINUTE_MS, { state: 'held', dueInMs: null });
  const done = await send(3 * MINUTE_MS);
  await database.rows(`update deliveries set state = 'delivered', due_at = null where message_id = $1`, done);
  await sweepUntil(now + 4 * HOUR_MS);
  expect(await late()).toEqual([]);
  await sweepUntil(now + 4 * HOUR_MS + 10 * MINUTE_MS);
  expect(await late()).toEqual([queued]);
});

it('each is said to be late once, however often and by how many it is looked for', async () => {
  const ids = [await send(MINUTE_MS), await send(2 * MINUTE_MS)];
  for (const hours of [5, 6, 7]) await Promise.all([1, 2, 3].map(() => sweepUntil(now + hours * HOUR_MS)));
  expect((await late()).sort()).toEqual(ids);
});

it('each recipient that still waits is late, with why it waits', async () => {
  const id = await send(MINUTE_MS, { reason: 'upstreams-down' }, ['a@x.example', 'b@x.example']);
  await database.rows(`update deliveries set state = 'failed', due_at = null where message_id = $1 and n = 0`, id);
  await sweepUntil(now + 5 * HOUR_MS);
  expect(await database.rows(`select n, data ->> 'reason' as reason from events where kind = 'delayed'`)).toEqual([
    { n: 1, reason: 'upstreams-down' },
  ]);
});

it('mail for later is late from when it was to begin', async () => {
  const begins = 10 * HOUR_MS;
  // The database says when now is: so many hours from there.
  const id = await send(MINUTE_MS, { dueInMs: begins, beginsInMs: begins, reason: 'scheduled', event: 'scheduled' });
  const [row] = await database.rows<{ at: Date }>('select begins_at as at from deliveries where message_id = $1', id);
  await database.rows('update sweeps set until = $1', row!.at);
  await sweepUntil(row!.at.getTime() + 4 * HOUR_MS);
  expect(await late()).toEqual([]);
  await sweepUntil(row!.at.getTime() + 4 * HOUR_MS + MINUTE_MS);
  expect(await late()).toEqual([id]);
});

it('after an outage of ours what became late meanwhile is told, a span at a time', async () => {
  const ids = [await send(MINUTE_MS), await send(3 * HOUR_MS), await send(22 * HOUR_MS)];
  expect(await sweep(now + 25 * HOUR_MS)).toBe(true);
  await sweepUntil(now + 25 * HOUR_MS);
  expect(await late()).toEqual(ids.slice(0, 2));
});

it('a longer time says nothing anew of what was late by the shorter one', async () => {
  const id = await send(MINUTE_MS);
  await sweepUntil(now + 5 * HOUR_MS);
  for (const hours of [5, 6, 7]) await sweep(now + hours * HOUR_MS, 6 * HOUR_MS);
  expect(await late()).toEqual([id]);
});
