// What an event does to the database: recorded once, counted once whoever else tells it, acted upon where it is proven.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readMailgunEvents } from '../../../bounce/events/mailgun.ts';
import { readSendgridEvents } from '../../../bounce/events/sendgrid.ts';
import { readSesEvents } from '../../../bounce/events/ses.ts';
import { createTakeProviderEvents } from '../../../bounce/events/take.ts';
import type { ProviderEvent } from '../../../bounce/index.ts';
import { createIngest } from '../../../bounce/ingest.ts';
import type { MessageId } from '../../../src/mail/submission.ts';
import { returnPath } from '../../../src/mail/verp.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { cloneDatabase, type TestDatabase } from '../../support/database.ts';
import { dsn, putSent } from '../../support/returned-mail.ts';
import { mailgunEvent, sendgridEvent, sesComplaint } from './payloads.ts';

const DOMAIN = 'bounces.example.com';
const KEY = { id: 'K1', secret: Buffer.alloc(32, 7) };
const ADA = 'ada@example.net';
const BOB = 'bob@example.net';
const DAY = 86_400_000;

let database: TestDatabase;
let lines: Record<string, unknown>[] = [];
beforeAll(async () => {
  database = await cloneDatabase();
});
beforeEach(async () => {
  await database.rows('truncate suppressions, reports, messages, bounce_alarms cascade');
  lines = [];
});
afterAll(() => database.drop());

const options = () => ({
  ...{ pool: database.pool, ring: { keys: [KEY], domain: DOMAIN }, suppressionsPerHour: 1_000, clock: Date.now },
  log: createLog('info', { write: line => void lines.push(JSON.parse(line)) }),
  metrics: createMetrics(async () => 0),
});
const take = (...events: ProviderEvent[]) => createTakeProviderEvents(options())(events);
const ingest = (bytes: Buffer) => createIngest(options())(bytes, { source: 'test', key: '1', toBeFiled: false });

type Fields = Record<string, unknown>;
const mark = (messageId: MessageId, n = 0) => ({ 'user-variables': { postern: `${messageId}-${n}` } });
let count = 0;
/** A permanent failure with "user unknown", unless told otherwise. */
function mailgun(messageId: MessageId, fields: Fields = {}): ProviderEvent {
  count += 1;
  const payload = mailgunEvent({ id: `event-${count}`, ...mark(messageId), ...fields });
  return readMailgunEvents(payload, null, new Date())[0]!;
}
const FULL: Fields = { 'delivery-status': { code: 552, 'enhanced-code': '5.2.2', message: '5.2.2 mailbox full' } };

const suppressions = () =>
  database.rows<{ address_key: string; reason: string; stream: string | null; evidence: string }>(
    'select address_key, reason, stream, evidence from suppressions order by 1',
  );
const reports = () =>
  database.rows<Record<string, unknown>>(
    `select r.kind, r.format, r.bytes, s.source, s.key, p.reason, p.decision, p.decided_by, p.correlation, p.is_proven
     from reports r join report_sources s using (report_id) join report_recipients p using (report_id)
     order by r.report_id, p.i`,
  );
const outcomes = () =>
  database.rows<{ fact: string; decision: string }>('select fact, decision from outcomes order by at');
async function timeline(messageId: MessageId) {
  const events = await database.rows<{ kind: string; data: Fields }>(
    'select kind, data from events where message_id = $1 order by event_id',
    messageId,
  );
  return events.map(({ kind, data }) => (data.decision ? `${kind}: ${data.decision}` : kind));
}

describe('a bounce of a dead address', () => {
  it('suppresses it, with the event as evidence', async () => {
    const id = await putSent(database, { recipients: [ADA] });
    const event = mailgun(id);
    await take(event);
    expect(await timeline(id)).toEqual(['address-suppressed', 'bounced: suppressed']);
    const [report] = await reports();
    expect(report).toMatchObject({
      ...{ kind: 'event', format: 'mailgun', source: 'events:mailgun', key: event.eventId, is_proven: true },
      ...{ reason: 'no_mailbox', correlation: 'our mark, repeated by mailgun for this recipient' },
    });
    expect(JSON.parse(String(report!.bytes))).toMatchObject({ event: 'failed', recipient: ADA });
    expect(await suppressions()).toMatchObject([
      { address_key: ADA, reason: 'hard-bounce', stream: null, evidence: expect.stringMatching(/^report \w{26}: /) },
    ]);
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'report-recorded', source: 'events:mailgun', messageId: id }),
    );
  });

  it('counts once, however often it is told', async () => {
    const id = await putSent(database, { recipients: [ADA] });
    const event = mailgun(id);
    await Promise.all([take(event), take(event), take(event, event)]);
    expect(await reports()).toHaveLength(1);
    expect(await timeline(id)).toEqual(['address-suppressed', 'bounced: suppressed']);
  });

  it('is another event when another account tells it under the same id', async () => {
    const id = await putSent(database, { recipients: [ADA] });
    const event = mailgun(id);
    await take(event, { ...event, account: 'two' });
    expect((await reports()).map(({ source }) => source)).toEqual(['events:mailgun', 'events:mailgun/two']);
    expect(await timeline(id)).toEqual(['address-suppressed', 'bounced: suppressed', 'bounced: repeated']);
  });

  it.each(['first', 'last'])('counts once beside a returned mail about the same, the mail %s', async order => {
    const id = await putSent(database, { recipients: [ADA] });
    const mail = dsn({ to: returnPath({ messageId: id, n: 0 }, DOMAIN, KEY, Date.now()), recipient: ADA });
    if (order === 'first') await ingest(mail);
    await take(mailgun(id));
    if (order === 'last') await ingest(mail);
    expect(await timeline(id)).toEqual(['address-suppressed', 'bounced: suppressed', 'bounced: repeated']);
    expect(await outcomes()).toEqual([{ fact: 'bounced', decision: 'suppressed' }]);
  });

  it('against which the provider stands is not hard: its verdict is kept', async () => {
    const id = await putSent(database, { recipients: [ADA] });
    await take(mailgun(id, { reason: 'espblock' }));
    expect(await timeline(id)).toEqual(['bounced: nothing']);
    expect(await reports()).toMatchObject([{ reason: 'no_mailbox', decided_by: 'not-final: no_mailbox' }]);
    expect(await suppressions()).toEqual([]);
  });

  it('of other software’s mail is recorded, and suppresses nobody', async () => {
    await putSent(database, { recipients: [ADA] });
    const event = mailgun('01HF7YAT00ABCDEFGHJKMNPQRS' as MessageId);
    await take(event);
    expect(await reports()).toMatchObject([
      { decision: 'nothing', decided_by: 'no-message-of-ours', is_proven: false },
    ]);
    expect(await suppressions()).toEqual([]);
  });

  it('that names our message and a stranger to it suppresses neither', async () => {
    const id = await putSent(database, { recipients: [BOB] });
    await take(mailgun(id));
    expect(await timeline(id)).toEqual(['report-unproven']);
    expect(await suppressions()).toEqual([]);
  });

  it('is tied by the Message-ID alone, where it names one delivery', async () => {
    const id = await putSent(database, { recipients: [BOB, ADA], internetMessageId: 'm1@shop.example.com' });
    await take(mailgun(id, { 'user-variables': {} }));
    expect(await timeline(id)).toEqual(['address-suppressed', 'bounced: suppressed']);
    expect(await suppressions()).toMatchObject([{ address_key: ADA }]);
  });

  it('is a guess where two messages to the recipient have the Message-ID', async () => {
    const messages = { recipients: [ADA], internetMessageId: 'm1@shop.example.com' };
    const first = await putSent(database, messages);
    await putSent(database, { ...messages, acceptedAt: new Date(Date.now() - DAY) });
    await take(mailgun(first, { 'user-variables': {} }));
    expect(await timeline(first)).toEqual(['report-unproven']);
    expect(await suppressions()).toEqual([]);
  });
});

describe('a complaint', () => {
  const complained = (messageId: MessageId, ...addresses: string[]) =>
    readSesEvents(
      sesComplaint(
        { complainedRecipients: addresses.map(emailAddress => ({ emailAddress })) },
        { tags: { postern: [messageId] }, destination: addresses },
      ),
      null,
      new Date(),
    );

  it('suppresses for its stream, until somebody lifts it', async () => {
    const id = await putSent(database, { recipients: [ADA], stream: 'bulk' });
    await take(...complained(id, ADA));
    expect(await suppressions()).toMatchObject([{ address_key: ADA, reason: 'complaint', stream: 'bulk' }]);
  });

  it('of one of several is shown with each of them, and suppresses none; a certain one still counts', async () => {
    const id = await putSent(database, { recipients: [ADA, BOB] });
    await take(...complained(id, ADA, BOB));
    expect(await timeline(id)).toEqual(['report-unproven', 'report-unproven']);
    expect(await suppressions()).toEqual([]);
    const [{ correlation } = {}] = await reports();
    expect(correlation).toMatch(/but it says that of several, and knows it of one of them$/);
    await take(mailgun(id, { event: 'complained', recipient: BOB, ...mark(id, 1) }));
    expect(await suppressions()).toMatchObject([{ address_key: BOB, reason: 'complaint' }]);
  });

  it('and leaving everything are one fact', async () => {
    const id = await putSent(database, { recipients: [ADA] });
    await take(mailgun(id, { event: 'unsubscribed' }), mailgun(id, { event: 'complained' }));
    expect(await suppressions()).toMatchObject([{ address_key: ADA, reason: 'unsubscribe' }]);
    expect(await timeline(id)).toEqual(['address-suppressed', 'complained: suppressed', 'complained: repeated']);
  });
});

describe('what is no failure', () => {
  it('delivered confirms; strikes before it are cleared, as by any message that arrived', async () => {
    const ids: MessageId[] = [];
    for (const daysAgo of [4, 3, 2, 1]) {
      ids.push(await putSent(database, { recipients: [ADA], acceptedAt: new Date(Date.now() - daysAgo * DAY) }));
    }
    await take(mailgun(ids[0]!, FULL), mailgun(ids[1]!, FULL));
    await take(mailgun(ids[2]!, { event: 'delivered' }), mailgun(ids[3]!, FULL));
    expect(await timeline(ids[2]!)).toEqual(['delivery-confirmed: nothing']);
    expect(await outcomes()).toContainEqual({ fact: 'confirmed', decision: 'nothing' });
    expect((await reports()).at(-1)).toMatchObject({
      decided_by: 'mailbox-fails: mailbox_full, strike 1 of 3 in 14 days',
    });
  });

  it('three full mailboxes in a row are a suppression', async () => {
    for (const daysAgo of [3, 2, 1]) {
      const acceptedAt = new Date(Date.now() - daysAgo * DAY);
      await take(mailgun(await putSent(database, { recipients: [ADA], acceptedAt }), FULL));
    }
    expect(await suppressions()).toMatchObject([{ address_key: ADA, reason: 'soft-bounces' }]);
  });

  it('delayed is told, and nothing else', async () => {
    const id = await putSent(database, { recipients: [ADA] });
    await take(mailgun(id, { severity: 'temporary' }));
    expect(await timeline(id)).toEqual(['delay-reported: nothing']);
  });

  it('what the provider did not send is told, and is no bounce', async () => {
    const id = await putSent(database, { recipients: [ADA] });
    await take(mailgun(id, { reason: 'suppress-bounce' }));
    expect(await timeline(id)).toEqual(['rejected-by-provider: nothing']);
    expect([await outcomes(), await suppressions()]).toEqual([[], []]);
  });

  it('that other software’s mail arrived is not kept', async () => {
    await take(mailgun('01HF7YAT00ABCDEFGHJKMNPQRS' as MessageId, { event: 'delivered' }));
    expect(await reports()).toEqual([]);
  });
});

it('one that the database objects to holds up nobody; all are told again, and count once', async () => {
  const [first, last] = [
    await putSent(database, { recipients: [ADA] }),
    await putSent(database, { recipients: [BOB] }),
  ];
  const bob = sendgridEvent({ email: BOB, postern: `${last}-0` });
  const [good] = readSendgridEvents([bob], null, new Date());
  const broken = { ...mailgun(first), eventId: 'no\0text' };
  await expect(take(broken, good!)).rejects.toThrow(/0x00/);
  expect(await suppressions()).toMatchObject([{ address_key: BOB }]);
  await take({ ...broken, eventId: 'text' }, good!);
  expect((await suppressions()).map(one => one.address_key)).toEqual([ADA, BOB]);
  expect(await timeline(last)).toEqual(['address-suppressed', 'bounced: suppressed']);
});
