// What one report does to the database: recorded once, counted once, acted upon only where it is proven.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIngest } from '../../bounce/ingest.ts';
import type { MessageId, Stream } from '../../src/mail/submission.ts';
import { returnPath } from '../../src/mail/verp.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import {
  type PolicyFigures,
  putSuppressionPolicy,
  removeSuppressionPolicy,
} from '../../src/store/suppression-policies.ts';
import type { SuppressionScope } from '../../src/store/suppressions.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { complaint, dsn, letter, putSent } from '../support/returned-mail.ts';

const DOMAIN = 'bounces.example.com';
const KEY = { id: 'K1', secret: Buffer.alloc(32, 7) };
const DAY = 86_400_000;

let database: TestDatabase;
let now = Date.now();
let lines: Record<string, unknown>[] = [];
beforeAll(async () => {
  database = await cloneDatabase();
});
beforeEach(async () => {
  await database.rows('truncate suppressions, reports, messages, bounce_alarms cascade');
  now = Date.now();
  lines = [];
});
afterAll(() => database.drop());

const ingesting = (suppressionsPerHour = 1_000) =>
  createIngest({
    pool: database.pool,
    ring: { keys: [KEY], domain: DOMAIN },
    suppressionsPerHour,
    clock: () => now,
    log: createLog('info', { write: line => void lines.push(JSON.parse(line)) }),
    metrics: createMetrics(async () => 0),
  });
let count = 0;
const newPlace = () => {
  count += 1;
  return String(count);
};
async function ingest(bytes: Buffer, { key = newPlace(), limit = 1_000 } = {}) {
  const ingested = await ingesting(limit)(bytes, { source: 'test', key, toBeFiled: false });
  if (ingested.kind !== 'recorded') return ingested.kind;
  return ingested.recipients.map(({ decision, decidedBy }) => `${decision}: ${decidedBy}`).join('; ');
}
const path = (messageId: MessageId, n = 0) => returnPath({ messageId, n }, DOMAIN, KEY, now);
const bounce = (messageId: MessageId, recipient: string, changes: Partial<Parameters<typeof dsn>[0]> = {}) =>
  dsn({ to: path(messageId), recipient, ...changes });
const FULL = { status: '5.2.2', diagnostic: 'smtp; 552 5.2.2 mailbox full' };

const suppressions = () =>
  database.rows<{ address_key: string; reason: string; days: number | null; stream: string | null; evidence: string }>(
    `select address_key, reason, stream, evidence,
            round(extract(epoch from expires_at - now()) / 86400)::integer as days from suppressions order by 1`,
  );
const events = (messageId: MessageId) =>
  database.rows<{ kind: string; data: Record<string, unknown> }>(
    'select kind, data from events where message_id = $1 order by event_id',
    messageId,
  );
const kinds = async (messageId: MessageId) => (await events(messageId)).map(({ kind }) => kind);

describe('a proven bounce of a bad address', () => {
  it('suppresses it for 90 days, with evidence that names report and rule', async () => {
    const id = await putSent(database, { recipients: ['Gone@x.example'] });
    expect(await ingest(bounce(id, 'gone@x.example'))).toBe('suppressed: address-is-bad: no_mailbox, for 90 days');
    const [suppressed] = await suppressions();
    expect(suppressed).toMatchObject({ address_key: 'gone@x.example', reason: 'hard-bounce', days: 90, stream: null });
    const [report] = await database.rows<{ report_id: string; bytes: Buffer }>('select report_id, bytes from reports');
    expect(suppressed!.evidence).toMatch(
      new RegExp(`^report ${report!.report_id}: 550 5\\.1\\.1 .*User unknown \\(rule [\\w.-]+\\)$`),
    );
    expect(report!.bytes.toString()).toContain('Final-Recipient: rfc822; gone@x.example');
    expect(await kinds(id)).toEqual(['address-suppressed', 'bounced']);
    expect((await events(id))[1]!.data).toMatchObject({
      ...{ report: report!.report_id, reason: 'no_mailbox', verdict: 'hard', decision: 'suppressed' },
      ...{ correlatedBy: 'return-path', correlation: 'our signed return path, for this recipient' },
    });
  });

  it('that came back after its time is suppressed for twice as long', async () => {
    await database.rows(
      `insert into suppressions (address_key, tenant_id, reason, expires_at)
       values ('gone@x.example', 'default', 'hard-bounce', now() - interval '1 day')`,
    );
    const id = await putSent(database, { recipients: ['gone@x.example'] });
    await ingest(bounce(id, 'gone@x.example'));
    expect(await suppressions()).toMatchObject([{ address_key: 'gone@x.example', days: 180 }]);
  });

  it('leaves the state of the delivery as it is: history is not rewritten', async () => {
    const id = await putSent(database, { recipients: ['gone@x.example'] });
    await ingest(bounce(id, 'gone@x.example'));
    expect(await database.rows('select state from deliveries')).toEqual([{ state: 'delivered' }]);
  });

  it('is for its tenant only', async () => {
    await database.rows(`insert into tenants (tenant_id) values ('other') on conflict do nothing`);
    const id = await putSent(database, { recipients: ['gone@x.example'], tenantId: 'other' });
    await ingest(bounce(id, 'gone@x.example'));
    expect(await database.rows('select tenant_id from suppressions')).toEqual([{ tenant_id: 'other' }]);
  });
});

describe('the same report', () => {
  it('from the same place is known', async () => {
    const id = await putSent(database, { recipients: ['gone@x.example'] });
    const report = bounce(id, 'gone@x.example');
    await ingest(report, { key: 'INBOX 1' });
    expect(await ingest(report, { key: 'INBOX 1' })).toBe('known');
    expect(await kinds(id)).toEqual(['address-suppressed', 'bounced']);
  });

  it('by another way, with other trace fields, is known', async () => {
    const id = await putSent(database, { recipients: ['gone@x.example'] });
    const report = bounce(id, 'gone@x.example');
    await ingest(report);
    expect(await ingest(Buffer.concat([Buffer.from('Delivered-To: somebody@example.com\r\n'), report]))).toBe('known');
    expect(await database.rows('select key from report_sources')).toHaveLength(2);
    expect(await database.rows('select 1 from reports')).toHaveLength(1);
  });

  it('told by ten at the same time counts once', async () => {
    const id = await putSent(database, { recipients: ['gone@x.example'] });
    const report = bounce(id, 'gone@x.example');
    const answers = await Promise.all(Array.from({ length: 10 }, () => ingest(report)));
    expect(answers.filter(answer => answer !== 'known')).toEqual([
      'suppressed: address-is-bad: no_mailbox, for 90 days',
    ]);
    expect(await kinds(id)).toEqual(['address-suppressed', 'bounced']);
  });
});

it('two reports of one fact are shown twice and counted once', async () => {
  const id = await putSent(database, { recipients: ['full@x.example'] });
  expect(await ingest(bounce(id, 'full@x.example', FULL))).toMatch(/^strike: .*strike 1 of 3/);
  expect(await ingest(bounce(id, 'full@x.example', FULL))).toBe('repeated: already-counted');
  expect(await ingest(bounce(id, 'full@x.example', FULL))).toBe('repeated: already-counted');
  expect(await suppressions()).toEqual([]);
  expect(await kinds(id)).toEqual(['bounced', 'bounced', 'bounced']);
});

it('five reports of one fact at the same time are counted once', async () => {
  const id = await putSent(database, { recipients: ['full@x.example'] });
  const answers = await Promise.all(Array.from({ length: 5 }, () => ingest(bounce(id, 'full@x.example', FULL))));
  expect(answers.map(answer => answer.split(':')[0]).sort()).toEqual([...Array(4).fill('repeated'), 'strike']);
  expect(await kinds(id)).toEqual(Array(5).fill('bounced'));
});

describe('a full mailbox', () => {
  const send = (daysAgo: number, recipients = ['full@x.example']) =>
    putSent(database, { recipients, acceptedAt: new Date(now - daysAgo * DAY) });

  it('suppresses at the third message in a row, for 30 days', async () => {
    const ids = [await send(3), await send(2), await send(1)];
    const answers = [];
    for (const id of ids) answers.push(await ingest(bounce(id, 'full@x.example', FULL)));
    expect(answers.map(answer => answer.replace(/:.*,/, ':'))).toEqual([
      'strike: strike 1 of 3 in 14 days',
      'strike: strike 2 of 3 in 14 days',
      'suppressed: for 30 days',
    ]);
    expect(await suppressions()).toMatchObject([{ address_key: 'full@x.example', reason: 'soft-bounces', days: 30 }]);
  });

  it('begins anew after a message that went well', async () => {
    const [first, second] = [await send(4), await send(3)];
    await send(2);
    const fourth = await send(1);
    await ingest(bounce(first, 'full@x.example', FULL));
    await ingest(bounce(second, 'full@x.example', FULL));
    expect(await ingest(bounce(fourth, 'full@x.example', FULL))).toMatch(/strike 1 of 3/);
  });

  it('counts exactly, although reports of many messages come at once', async () => {
    const ids = await Promise.all(Array.from({ length: 9 }, (_, i) => send(9 - i)));
    const answers = await Promise.all(ids.map(id => ingest(bounce(id, 'full@x.example', FULL))));
    expect(answers.filter(answer => answer.startsWith('suppressed')).length).toBeGreaterThanOrEqual(1);
    const strikes = answers.filter(answer => answer.startsWith('strike')).length;
    expect(strikes + answers.filter(answer => answer.startsWith('suppressed')).length).toBe(9);
    expect(await suppressions()).toHaveLength(1);
  });

  it('is told late of strikes by other recipients only for them', async () => {
    for (const who of ['a', 'b', 'c']) {
      const id = await send(1, [`${who}@x.example`]);
      expect(await ingest(bounce(id, `${who}@x.example`, FULL))).toMatch(/strike 1 of 3/);
    }
  });
});

describe('the policy of a tenant', () => {
  const OWN = { tenantId: 'strict', stream: null };
  const set = (figures: Partial<PolicyFigures>, scope: SuppressionScope = OWN) =>
    putSuppressionPolicy(database.db, scope, figures);
  const sent = (who: string, tenantId: string, stream: Stream = 'transactional') =>
    putSent(database, { recipients: [`${who}@x.example`], tenantId, stream });
  beforeEach(() => database.rows(`insert into tenants (tenant_id) values ('strict') on conflict do nothing`));
  afterEach(() => database.rows('delete from suppression_policies'));

  it('says for how long a dead address is suppressed; others keep the default', async () => {
    await set({ hardForMs: 7 * DAY });
    const [theirs, ours] = [await sent('theirs', 'strict'), await sent('ours', 'default')];
    expect(await ingest(bounce(theirs, 'theirs@x.example'))).toBe('suppressed: address-is-bad: no_mailbox, for 7 days');
    expect(await ingest(bounce(ours, 'ours@x.example'))).toBe('suppressed: address-is-bad: no_mailbox, for 90 days');
    expect(await suppressions()).toMatchObject([
      { address_key: 'ours@x.example', days: 90 },
      { address_key: 'theirs@x.example', days: 7 },
    ]);
  });

  it('says which strikes count, how many are too many, and for how long', async () => {
    await set({ strikes: 2, strikesWithinMs: 3 * DAY, strikesForMs: 10 * DAY });
    const ids = [await sent('full', 'strict'), await sent('full', 'strict'), await sent('full', 'strict')];
    const answers = [await ingest(bounce(ids[0]!, 'full@x.example', FULL))];
    await database.rows(`update outcomes set at = now() - interval '4 days'`);
    for (const id of ids.slice(1)) answers.push(await ingest(bounce(id, 'full@x.example', FULL)));
    expect(answers.map(answer => answer.replace(': mailbox-fails: mailbox_full,', ''))).toEqual([
      'strike strike 1 of 2 in 3 days',
      'strike strike 1 of 2 in 3 days',
      'suppressed 2 strikes in 3 days, for 10 days',
    ]);
    expect(await suppressions()).toMatchObject([{ reason: 'soft-bounces', days: 10 }]);
  });

  it('gives way to that of its stream, and holds for the next bounce', async () => {
    await set({ hardForMs: 7 * DAY });
    await set({ hardForMs: 'never' }, { tenantId: 'strict', stream: 'transactional' });
    const receipt = await sent('receipt', 'strict', 'transactional');
    const news = await sent('news', 'strict', 'bulk');
    expect(await ingest(bounce(receipt, 'receipt@x.example'))).toBe(
      'nothing: address-is-bad: no_mailbox, never suppressed',
    );
    expect(await ingest(bounce(news, 'news@x.example'))).toMatch(/^suppressed: .*, for 7 days$/);
    expect(await suppressions()).toMatchObject([{ address_key: 'news@x.example', days: 7 }]);
    await removeSuppressionPolicy(database.db, { tenantId: 'strict', stream: 'transactional' });
    const next = await sent('receipt', 'strict', 'transactional');
    expect(await ingest(bounce(next, 'receipt@x.example'))).toMatch(/^suppressed: .*, for 7 days$/);
  });

  it('by which hard bounces never suppress leaves what was suppressed before as it is, its probe too', async () => {
    await set({ hardForMs: 'never' });
    const probe = await sent('gone', 'strict');
    await database.rows(
      `insert into suppressions (address_key, tenant_id, reason, expires_at, probe_message_id, probe_n)
       values ('gone@x.example', 'strict', 'hard-bounce', now() + interval '3 days', $1, 0)`,
      probe,
    );
    expect(await ingest(bounce(probe, 'gone@x.example'))).toMatch(/^nothing: .*, never suppressed$/);
    expect(await database.rows('select times, probe_message_id as probe from suppressions')).toEqual([
      { times: 1, probe },
    ]);
    expect(await suppressions()).toMatchObject([{ reason: 'hard-bounce', days: 3 }]);
  });
});

describe('without proof', () => {
  it.each<[string, (id: MessageId) => Partial<Parameters<typeof dsn>[0]>]>([
    ['a forged DSN with the right Message-ID', id => ({ to: 'bounces@example.com', messageId: `${id}@app.example` })],
    [
      'a DSN with a wrong signature',
      id => ({ to: path(id).replace(/(.)@/, (_, c) => `${c === '0' ? '1' : '0'}@`), messageId: `${id}@app.example` }),
    ],
    ['a DSN with a token too old', id => ({ to: returnPath({ messageId: id, n: 0 }, DOMAIN, KEY, now - 40 * DAY) })],
  ])('%s is recorded and shown, and does nothing', async (_what, how) => {
    const id = await putSent(database, { recipients: ['alive@x.example'] });
    expect(await ingest(bounce(id, 'alive@x.example', how(id)))).toBe('nothing: not-proven');
    expect(await suppressions()).toEqual([]);
    expect(await kinds(id)).toEqual(['report-unproven']);
    expect(await database.rows('select 1 from outcomes')).toEqual([]);
    // The true one, when it comes, counts.
    expect(await ingest(bounce(id, 'alive@x.example'))).toMatch(/^suppressed/);
  });

  it('a thousand inventions do not fill the timeline', async () => {
    const id = await putSent(database, { recipients: ['alive@x.example'] });
    for (let i = 0; i < 25; i += 1)
      await ingest(bounce(id, 'alive@x.example', { to: 'b@example.com', messageId: `${id}@app.example` }));
    expect(await kinds(id)).toHaveLength(20);
  });

  it('a report about nothing of ours is recorded all the same', async () => {
    expect(await ingest(dsn({ to: 'bounces@example.com', recipient: 'who@x.example' }))).toBe(
      'nothing: no-message-of-ours',
    );
    expect(await database.rows('select correlation from report_recipients')).toEqual([
      { correlation: 'nothing in it names a message of ours' },
    ]);
  });

  it('a recipient can have nobody but itself suppressed', async () => {
    const id = await putSent(database, { recipients: ['mallory@x.example', 'victim@x.example'] });
    const forged = dsn({ to: path(id, 0), recipient: 'victim@x.example', messageId: `${id}@app.example` });
    expect(await ingest(forged)).toBe('nothing: not-proven');
    expect(await suppressions()).toEqual([]);
  });
});

describe('a complaint', () => {
  it('suppresses its stream until it is lifted', async () => {
    const id = await putSent(database, { recipients: ['angry@x.example'], stream: 'bulk' });
    const report = complaint({ to: 'fbl@example.com', returnPath: path(id), recipient: 'angry@x.example' });
    expect(await ingest(report)).toBe('suppressed: feedback: abuse');
    expect(await suppressions()).toMatchObject([{ reason: 'complaint', days: null, stream: 'bulk' }]);
    expect(await kinds(id)).toEqual(['address-suppressed', 'complained']);
  });

  it('is not made of a failed authentication: that is our trouble, and an alarm', async () => {
    const id = await putSent(database, { recipients: ['a@x.example'] });
    const about = { to: 'fbl@example.com', returnPath: path(id), recipient: 'a@x.example', type: 'auth-failure' };
    expect(await ingest(complaint(about))).toBe('nothing: feedback-is-no-complaint: auth-failure');
    expect(await suppressions()).toEqual([]);
  });

  it('is not shortened by a bounce of the same address', async () => {
    await database.rows(
      `insert into suppressions (address_key, tenant_id, reason) values ('gone@x.example', 'default', 'manual')`,
    );
    const id = await putSent(database, { recipients: ['gone@x.example'] });
    expect(await ingest(bounce(id, 'gone@x.example'))).toMatch(/^suppressed/);
    expect(await suppressions()).toMatchObject([{ reason: 'manual', days: null }]);
  });
});

describe('what is our fault', () => {
  const SPAM = { status: '5.7.1', diagnostic: 'smtp; 550 5.7.1 Message rejected as spam by content filtering' };

  it('suppresses nobody, and raises one alarm a domain and hour', async () => {
    for (let i = 0; i < 3; i += 1) {
      const id = await putSent(database, { recipients: ['a@big.example'] });
      expect(await ingest(bounce(id, 'a@big.example', SPAM))).toMatch(/^nothing: not-the-address: spam/);
    }
    expect(await suppressions()).toEqual([]);
    const alarms = await database.rows(
      `select topic, data ->> 'reason' as reason from events where kind = 'bounce-alarm'`,
    );
    expect(alarms).toEqual([{ topic: 'domain:big.example', reason: 'spam' }]);
    expect(lines.filter(line => line.event === 'bounce-alarm')).toMatchObject([{ topic: 'domain:big.example' }]);
    expect(await database.rows('select count from bounce_alarms')).toEqual([{ count: 3 }]);
  });
});

describe('more suppressions in an hour than are allowed', () => {
  it('wait for a person, with one alarm', async () => {
    const answers = [];
    for (let i = 0; i < 5; i += 1) {
      const id = await putSent(database, { recipients: [`gone${i}@x.example`] });
      answers.push((await ingest(bounce(id, `gone${i}@x.example`), { limit: 3 })).split(':')[0]);
    }
    expect(answers).toEqual(['suppressed', 'suppressed', 'suppressed', 'waiting', 'waiting']);
    expect(await suppressions()).toHaveLength(3);
    expect(lines.filter(line => line.event === 'suppressions-capped')).toHaveLength(1);
  });

  it('are counted exactly, whoever comes at the same time', async () => {
    const ids = await Promise.all(
      Array.from({ length: 12 }, (_, i) => putSent(database, { recipients: [`gone${i}@x.example`] })),
    );
    await Promise.all(ids.map((id, i) => ingest(bounce(id, `gone${i}@x.example`), { limit: 5 })));
    expect(await suppressions()).toHaveLength(5);
  });

  it('are allowed again in the next one', async () => {
    const first = await putSent(database, { recipients: ['gone1@x.example'] });
    const second = await putSent(database, { recipients: ['gone2@x.example'] });
    await ingest(bounce(first, 'gone1@x.example'), { limit: 1 });
    await database.rows(`update outcomes set decided_at = now() - interval '61 min'`);
    expect(await ingest(bounce(second, 'gone2@x.example'), { limit: 1 })).toMatch(/^suppressed/);
  });
});

describe('other mail', () => {
  it('from people is not recorded', async () => {
    expect(await ingest(letter())).toBe('not-a-report');
    expect(await database.rows('select 1 from reports')).toEqual([]);
  });

  it('that only tells of a delay counts for nothing, and is on the timeline', async () => {
    const id = await putSent(database, { recipients: ['slow@x.example'] });
    const delay = bounce(id, 'slow@x.example', { action: 'delayed', status: '4.4.1', diagnostic: 'smtp; 421 busy' });
    expect(await ingest(delay)).toBe('nothing: only-delayed');
    expect(await kinds(id)).toEqual(['delay-reported']);
  });

  it('with bytes that PostgreSQL takes for no text is recorded', async () => {
    const id = await putSent(database, { recipients: ['gone@x.example'] });
    const bytes = bounce(id, 'gone@x.example', { diagnostic: 'smtp; 550 5.1.1 no\0such \u00fc\u{1f600} user unknown' });
    expect(await ingest(bytes)).toMatch(/^suppressed/);
  });

  it('of a megabyte and more keeps its first megabyte as evidence', async () => {
    const id = await putSent(database, { recipients: ['gone@x.example'] });
    await ingest(Buffer.concat([bounce(id, 'gone@x.example'), Buffer.alloc(2_000_000, 'x')]));
    expect(await database.rows('select size > 2000000 as large, length(bytes) as kept from reports')).toEqual([
      { large: true, kept: 1_000_000 },
    ]);
  });
});

it('says so in the log, without any address', async () => {
  const id = await putSent(database, { recipients: ['gone@x.example'] });
  await ingest(bounce(id, 'gone@x.example'));
  expect(lines).toMatchObject([
    { event: 'report-recorded', messageId: id, recipientDomain: 'x.example', decision: 'suppressed' },
  ]);
  expect(JSON.stringify(lines)).not.toContain('gone@');
});
