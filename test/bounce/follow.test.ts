// Refusals in our own sessions become outcomes and suppressions, once each, in whatever order their transactions commit.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { followFailures, followOnce } from '../../bounce/follow.ts';
import { createIngest } from '../../bounce/ingest.ts';
import type { MessageId } from '../../src/mail/submission.ts';
import { returnPath } from '../../src/mail/verp.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import type { Rounds } from '../../src/platform/rounds.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { dsn, putSent } from '../support/returned-mail.ts';

let database: TestDatabase;
let followers: Rounds[] = [];
beforeAll(async () => {
  database = await cloneDatabase();
});
beforeEach(() => database.rows('truncate suppressions, reports, messages, bounce_alarms cascade'));
afterEach(async () => {
  await Promise.all(followers.map(follower => follower.stop()));
  followers = [];
});
afterAll(() => database.drop());

const metrics = createMetrics(async () => 0);
const options = () => ({
  ...{ pool: database.pool, suppressionsPerHour: 1_000, clock: Date.now, log: createLog('silent'), metrics },
});
const follow = () => followers.push(followFailures(options()));

type Refusal = { stage?: string; scope?: string; code?: number; enhanced?: string; text?: string; kind?: string };
const NO_SUCH_USER = { code: 550, enhanced: '5.1.1', text: 'no such user' };

/** As the dispatcher leaves it. */
async function fail(id: MessageId, n: number, refusal: Refusal = {}, db: Pick<TestDatabase, 'rows'> = database) {
  const { stage = 'rcpt', scope = 'recipient', code = 550, enhanced = '5.1.1', text = 'no such user' } = refusal;
  await db.rows(
    `insert into attempts (message_id, n, attempt, hop, upstream, opened_at, ended_at, result, stage, scope, smtp_code,
       enhanced_status, detail) values ($1, $2, 1, 0, 'main', '2026-11-23', now(), 'refused', $3, $4, $5, $6, $7)`,
    ...[id, n, stage, scope, code, enhanced, text],
  );
  await db.rows(`update deliveries set state = 'failed' where message_id = $1 and n = $2`, id, n);
  await db.rows(`insert into events (kind, message_id, n) values ($1, $2, $3)`, refusal.kind ?? 'failed', id, n);
}
const send = (recipients = ['gone@x.example']) => putSent(database, { recipients });
const outcomes = () =>
  database.rows<{ reason: string; decision: string; rule: string }>(
    'select reason, decision, rule from outcomes order by message_id, n',
  );
const suppressed = async () =>
  (await database.rows<{ address_key: string }>('select address_key from suppressions order by 1')).map(
    row => row.address_key,
  );
const kinds = async (id: MessageId) =>
  (await database.rows<{ kind: string }>('select kind from events where message_id = $1 order by event_id', id)).map(
    row => row.kind,
  );

it('a recipient refused in the session is suppressed, with the message as evidence', async () => {
  const id = await send();
  await fail(id, 0, NO_SUCH_USER);
  follow();
  await eventually(async () => expect(await suppressed()).toEqual(['gone@x.example']));
  const [row] = await database.rows<{ evidence: string }>('select evidence from suppressions');
  expect(row!.evidence).toMatch(new RegExp(`^message ${id}: 550 5\\.1\\.1 no such user \\(rule [\\w.-]+\\)$`));
  expect(await kinds(id)).toEqual(['failed', 'address-suppressed', 'bounced']);
});

it.each<[string, Refusal, string]>([
  ['a full mailbox', { code: 552, enhanced: '5.2.2', text: 'mailbox full' }, 'mailbox_full strike'],
  [
    'spam',
    { stage: 'final', scope: 'message', code: 550, enhanced: '5.7.1', text: 'rejected as spam' },
    'spam nothing',
  ],
  [
    'size',
    { stage: 'final', scope: 'message', code: 552, enhanced: '5.3.4', text: 'message too big' },
    'message_too_big nothing',
  ],
  [
    'a group that hears its own people only',
    { code: 550, enhanced: '5.7.133', text: 'RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required' },
    'restricted nothing',
  ],
  [
    'a full mailbox until it was too old',
    { code: 452, enhanced: '4.2.2', text: 'mailbox full', kind: 'expired' },
    'mailbox_full strike',
  ],
])('%s is judged by the classifier, and suppresses nobody', async (_what, refusal, expected) => {
  await fail(await send(['a@x.example']), 0, refusal);
  follow();
  await eventually(async () => {
    expect((await outcomes()).map(({ reason, decision }) => `${reason} ${decision}`)).toEqual([expected]);
  });
  expect(await suppressed()).toEqual([]);
});

it('what is said of a message to several at once gives up none of them', async () => {
  const id = await send(['a@x.example', 'b@x.example']);
  for (const n of [0, 1]) await fail(id, n, { stage: 'final', ...NO_SUCH_USER });
  follow();
  await eventually(async () => expect(await outcomes()).toHaveLength(2));
  expect((await outcomes()).map(({ reason, decision }) => `${reason} ${decision}`)).toEqual([
    'unknown nothing',
    'unknown nothing',
  ]);
  expect(await suppressed()).toEqual([]);
});

it('what is said of the sender is not held against the recipient, whatever its words', async () => {
  await fail(await send(['a@x.example']), 0, { stage: 'mail', scope: 'sender', ...NO_SUCH_USER });
  follow();
  await eventually(async () =>
    expect(await outcomes()).toMatchObject([{ reason: 'sender_rejected', decision: 'nothing' }]),
  );
});

it('what an upstream says about itself is not held against the recipient', async () => {
  const ours = await send(['a@x.example']);
  await fail(ours, 0, {
    stage: 'mail',
    scope: 'upstream',
    code: 550,
    enhanced: '5.1.1',
    text: 'no such user',
    kind: 'expired',
  });
  const marker = await send();
  await fail(marker, 0);
  follow();
  await eventually(async () => expect(await suppressed()).toEqual(['gone@x.example']));
  expect(await outcomes()).toHaveLength(1);
});

it('a report about what was refused in the session is the same fact: shown twice, counted once', async () => {
  const id = await send(['full@x.example']);
  await fail(id, 0, { code: 552, enhanced: '5.2.2', text: 'mailbox full' });
  follow();
  await eventually(async () => expect(await outcomes()).toHaveLength(1));
  const key = { id: 'K1', secret: Buffer.alloc(32, 7) };
  const ingest = createIngest({ ...options(), ring: { keys: [key], domain: 'b.example' } });
  const report = dsn({
    to: returnPath({ messageId: id, n: 0 }, 'b.example', key, Date.now()),
    ...{ recipient: 'full@x.example', status: '5.2.2', diagnostic: 'smtp; 552 5.2.2 mailbox full' },
  });
  expect(await ingest(report, { source: 'test', key: '1', toBeFiled: false })).toMatchObject({
    recipients: [{ decision: 'repeated' }],
  });
  expect(await outcomes()).toHaveLength(1);
  expect(await kinds(id)).toEqual(['failed', 'bounced', 'bounced']);
});

describe('events', () => {
  it('whose transaction commits late are not missed, and none counts twice', async () => {
    const [late, early] = [await send(['late@x.example']), await send(['early@x.example'])];
    const client = await database.pool.connect();
    const slow = {
      rows: async (text: string, ...values: unknown[]) => (await client.query(text, values)).rows as never,
    };
    await client.query('begin');
    await fail(late, 0, NO_SUCH_USER, slow);
    // A younger event, committed while the older one is still open.
    await fail(early, 0, NO_SUCH_USER);
    expect(await followOnce(options())).toBe(0);
    await client.query('commit');
    client.release();
    // Behind transactions of others, too: the server's oldest counts.
    await eventually(async () => {
      await followOnce(options());
      expect(await suppressed()).toEqual(['early@x.example', 'late@x.example']);
    });
    expect(await outcomes()).toHaveLength(2);
  });

  it('are followed by one of several processes at a time', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, (_, i) => send([`gone${i}@x.example`])));
    for (const id of ids) await fail(id, 0);
    let read = 0;
    await eventually(async () => {
      const counts = await Promise.all([1, 2, 3].map(() => followOnce(options())));
      read += counts.reduce((sum, count) => sum + count, 0);
      expect(await suppressed()).toHaveLength(40);
    });
    expect(read).toBe(40);
    expect(await outcomes()).toHaveLength(40);
    const bounced = await database.rows(`select 1 from events where kind = 'bounced'`);
    expect(bounced).toHaveLength(40);
  });

  it('are taken up where the last run left off', async () => {
    await fail(await send(['one@x.example']), 0);
    follow();
    await eventually(async () => expect(await suppressed()).toEqual(['one@x.example']));
    await followers.pop()!.stop();
    await fail(await send(['two@x.example']), 0);
    follow();
    await eventually(async () => expect(await suppressed()).toEqual(['one@x.example', 'two@x.example']));
    expect(await outcomes()).toHaveLength(2);
  });
});
