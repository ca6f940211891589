// SES reports a complaint by way of SNS, signed; it tells who did it, or who may have.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createTakeProviderEvents } from '../../bounce/events/take.ts';
import type { MessageId } from '../../src/mail/submission.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { sesComplaint } from '../bounce/events/payloads.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { type EventRig, snsIdentity, snsRequest, startEventRig } from '../support/provider-requests.ts';
import { putSent } from '../support/returned-mail.ts';

let database: TestDatabase;
let identity: { certificate: string; key: string };
let rig: EventRig;
beforeAll(async () => {
  database = await cloneDatabase();
  identity = await snsIdentity();
  const take = createTakeProviderEvents({
    ...{ pool: database.pool, ring: { keys: [], domain: null }, suppressionsPerHour: 1_000, clock: Date.now },
    ...{ log: createLog('silent'), metrics: createMetrics(async () => 0) },
  });
  rig = await startEventRig({ take, fetch: async () => Buffer.from(identity.certificate) });
});
beforeEach(() => database.rows('truncate suppressions, reports, messages cascade'));
afterAll(async () => {
  await rig.stop();
  await database.drop();
});

const ADA = 'ada@example.net';
const BOB = 'bob@example.net';
async function complain(messageId: MessageId, addresses: readonly string[], after: Record<string, unknown> = {}) {
  const complaint = sesComplaint(
    { complainedRecipients: addresses.map(emailAddress => ({ emailAddress })) },
    { tags: { postern: [messageId] }, destination: [ADA, BOB] },
  );
  return (await rig.post(snsRequest(identity.key, { Message: JSON.stringify(complaint) }, { after }))).status;
}
const suppressed = async () =>
  (await database.rows<{ address_key: string }>('select address_key from suppressions')).map(one => one.address_key);
const told = async () =>
  (await database.rows<{ kind: string }>('select kind from events where n is not null order by event_id')).map(
    ({ kind }) => kind,
  );

it('one who complained is suppressed, the other recipient is not', async () => {
  const id = await putSent(database, { recipients: [ADA, BOB] });
  expect(await complain(id, [BOB])).toBe(200);
  expect(await suppressed()).toEqual([BOB]);
});

it('two of whom one complained are both shown it, and neither is suppressed', async () => {
  const id = await putSent(database, { recipients: [ADA, BOB] });
  expect(await complain(id, [ADA, BOB])).toBe(200);
  expect(await suppressed()).toEqual([]);
  expect(await told()).toEqual(['report-unproven', 'report-unproven']);
});

it('a complaint that was changed after it was signed is refused, and nothing happens', async () => {
  const id = await putSent(database, { recipients: [ADA, BOB] });
  const forged = sesComplaint({}, { tags: { postern: [id] } });
  expect(await complain(id, [BOB], { Message: JSON.stringify(forged) })).toBe(403);
  expect([await suppressed(), await told(), await database.rows('select 1 from reports')]).toEqual([[], [], []]);
});
