// Events become notifications, each once, whoever runs and whatever dies; and nothing is written for mail nobody asked of.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseReport } from '../../../bounce/index.ts';
import { type TellOptions, tellOnce } from '../../../relay/dsn/follow.ts';
import type { Address } from '../../../src/mail/address.ts';
import type { MessageId } from '../../../src/mail/submission.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { type Acceptance, acceptMessages, type NewDelivery } from '../../../src/store/accept.ts';
import { addCredential } from '../../../src/store/credentials.ts';
import { inTransaction } from '../../../src/store/transaction.ts';
import { acceptance } from '../../support/acceptance.ts';
import { cloneDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';

let database: TestDatabase;
let woken = 0;
beforeAll(async () => {
  database = await cloneDatabase();
  for (const dsn of ['asked', 'always', 'never'] as const)
    await addCredential(database.db, { credentialId: dsn, tenantId: 'default', name: dsn, secretHash: 'x', dsn });
});
beforeEach(() => {
  woken = 0;
  return database.rows('truncate suppressions, reports, messages cascade');
});
afterAll(() => database.drop());

const options = (changes: Partial<TellOptions> = {}): TellOptions => ({
  ...{ pool: database.pool, clock: Date.now, log: createLog('silent'), metrics: createMetrics(async () => 0) },
  ...{ hostname: 'gateway.test', from: 'MAILER-DAEMON@gateway.test' as Address, maxAgeMs: 3_600_000 },
  signer: { sign: async () => '', keysFor: async () => [] },
  wake: () => {
    woken += 1;
  },
  ...changes,
});

type Sent = {
  recipients?: readonly string[];
  delivery?: Partial<NewDelivery>;
  message?: Partial<Acceptance['message']>;
  content?: string;
};

async function send({ recipients, delivery, message, content }: Sent = {}): Promise<MessageId> {
  const item = acceptance(recipients, { notify: 'FAILURE,DELAY', ...delivery }, { credentialId: 'asked', ...message });
  const bytes = content ?? 'Message-ID: <id@x>\r\nSubject: hi\r\n\r\nhello\r\n';
  await acceptMessages(database.pool, [{ ...item, content: Buffer.from(bytes, 'latin1') }]);
  return item.message.messageId;
}

/** As the dispatcher leaves it. */
async function fail(
  id: MessageId,
  n = 0,
  { attempt = 1, kind = 'failed' } = {},
  db: Pick<TestDatabase, 'rows'> = database,
) {
  await db.rows(
    `insert into attempts (message_id, n, attempt, hop, upstream, opened_at, ended_at, result, stage, scope, smtp_code,
       enhanced_status, detail, remote_address)
     values ($1, $2, $3, 0, 'main', '2026-11-23', '2026-11-23', 'refused', 'rcpt', 'recipient', 550, '5.1.1',
       'no such user', '192.0.2.1:25')`,
    ...[id, n, attempt],
  );
  await db.rows(
    `update deliveries set state = 'failed', due_at = null, attempt = $3 where message_id = $1 and n = $2`,
    ...[id, n, attempt],
  );
  await db.rows('insert into events (kind, message_id, n) values ($1, $2, $3)', kind, id, n);
}

const tell = (id: MessageId, n: number, kind: string, data: object | null = null) =>
  database.rows('insert into events (kind, message_id, n, data) values ($1, $2, $3, $4)', kind, id, n, data);

type Made = { messageId: MessageId; recipient: string; reversePath: string | null; state: string; content: Buffer };
/** Messages that are none of those given. */
async function made(...given: MessageId[]): Promise<Made[]> {
  return database.rows<Made>(
    `select m.message_id as "messageId", d.recipient, m.reverse_path as "reversePath", d.state, c.bytes as content
     from messages m join deliveries d using (message_id) join contents c using (message_id)
     where not m.message_id = any($1) order by m.message_id`,
    given,
  );
}

/** Everything that was committed has been read. */
async function followAll(by: Partial<TellOptions> = {}): Promise<void> {
  await eventually(async () => {
    while ((await tellOnce(options(by))) > 0);
    const left = await database.rows(
      `select 1 from events e, followers f where f.follower = 'dsn' and (e.xact, e.event_id) > (f.xact, f.event_id)
       and e.kind in ('failed', 'expired', 'suppressed', 'bounced', 'delayed')`,
    );
    expect(left).toEqual([]);
  });
}

it('a failure is told to the reverse-path, from <>, as mail of the same credential', async () => {
  const id = await send({ recipients: ['gone@x.example'] });
  await fail(id);
  await followAll();
  const [dsn, ...others] = await made(id);
  expect(others).toEqual([]);
  expect(dsn).toMatchObject({ recipient: 'sender@example.com', reversePath: null, state: 'queued' });
  expect(parseReport(dsn!.content).recipients).toMatchObject([
    { finalRecipient: 'gone@x.example', status: '5.1.1', action: 'failed', diagnostic: '550 5.1.1 no such user' },
  ]);
  const [message] = await database.rows('select * from messages where message_id = $1', dsn!.messageId);
  expect(message).toMatchObject({ tenant_id: 'default', credential_id: 'asked', stream: 'transactional' });
  expect(await database.rows(`select n, data from events where kind = 'dsn-sent'`)).toEqual([
    { n: 0, data: { kind: 'failure', dsn: dsn!.messageId, to: 'sender@example.com', rule: 'notify-asks' } },
  ]);
  expect(woken).toBe(1);
});

it('recipients of one message that failed together are told of in one', async () => {
  const id = await send({ recipients: ['a@x.example', 'b@x.example', 'c@x.example'] });
  await inTransaction(database.pool, async connection => {
    const within = { rows: async (text: string, ...values: unknown[]) => (await connection.query(text, values)).rows };
    for (const n of [0, 1, 2]) await fail(id, n, {}, within as Pick<TestDatabase, 'rows'>);
  });
  await followAll();
  const dsns = await made(id);
  const told = dsns.flatMap(({ content }) => parseReport(content).recipients.map(one => one.finalRecipient));
  expect(dsns).toHaveLength(1);
  expect(told).toEqual(['a@x.example', 'b@x.example', 'c@x.example']);
});

describe('nothing is made', () => {
  it.each<[string, Sent]>([
    ['of mail from <>', { message: { reversePath: null } }],
    ['where NOTIFY= says NEVER', { delivery: { notify: 'NEVER' }, message: { credentialId: 'always' } }],
    ['where nobody asked', { delivery: { notify: null } }],
    ['where the credential says never', { message: { credentialId: 'never' } }],
    ['for a mailer daemon', { message: { reversePath: 'MAILER-DAEMON@mx.example' } }],
    ['of a report', { content: 'Content-Type: multipart/report; boundary=x\r\n\r\n--x--\r\n' }],
    [
      'of automatic mail, unasked',
      {
        ...{ delivery: { notify: null }, message: { credentialId: 'always' } },
        content: 'Auto-Submitted: auto-generated\r\n\r\nx\r\n',
      },
    ],
  ])('%s', async (_what, sent) => {
    const id = await send(sent);
    await fail(id);
    await followAll();
    expect(await made(id)).toEqual([]);
    expect(woken).toBe(0);
  });

  it('of a notification that fails in turn', async () => {
    const id = await send();
    await fail(id);
    await followAll();
    const [dsn] = await made(id);
    await fail(dsn!.messageId);
    await followAll();
    expect(await made(id, dsn!.messageId)).toEqual([]);
  });

  it('of mail that was captured', async () => {
    const id = await send({ delivery: { state: 'captured', dueInMs: null } });
    await followAll();
    expect(await made(id)).toEqual([]);
  });
});

it('a credential that says always tells unasked', async () => {
  const id = await send({ delivery: { notify: null }, message: { credentialId: 'always' } });
  await fail(id);
  await followAll();
  expect(await made(id)).toHaveLength(1);
});

it('who asked is told although the credential is gone', async () => {
  const id = await send({ message: { credentialId: 'removed' } });
  await fail(id);
  await followAll();
  expect(await made(id)).toHaveLength(1);
});

it('a suppressed recipient is told of, and not as a dead address', async () => {
  await database.rows(`insert into suppressions (address_key, reason) values ('gone@x.example', 'hard-bounce')`);
  const id = await send({ recipients: ['gone@x.example'] });
  await followAll();
  const [dsn] = await made(id);
  expect(parseReport(dsn!.content).recipients).toMatchObject([{ finalRecipient: 'gone@x.example', status: '5.7.1' }]);
});

describe('once', () => {
  it('although several processes follow at a time', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, () => send()));
    for (const id of ids) await fail(id);
    await eventually(async () => {
      await Promise.all([1, 2, 3].map(() => tellOnce(options())));
      expect((await made(...ids)).length).toBeGreaterThanOrEqual(30);
    });
    await followAll();
    expect(await made(...ids)).toHaveLength(30);
  });

  it('although the first run died before its commit', async () => {
    const id = await send();
    await fail(id);
    const dies = { signer: { sign: () => Promise.reject(new Error('killed')), keysFor: async () => [] } };
    await eventually(() => expect(tellOnce(options(dies))).rejects.toThrow('killed'));
    expect(await made(id)).toEqual([]);
    expect(woken).toBe(0);
    await followAll();
    await followAll();
    expect(await made(id)).toHaveLength(1);
  });

  it('although the cursor is lost, and everything is read anew', async () => {
    const id = await send();
    await fail(id);
    await followAll();
    await database.rows(`update followers set xact = '0', event_id = 0 where follower = 'dsn'`);
    await followAll();
    expect(await made(id)).toHaveLength(1);
  });

  it('although a report tells the same days later', async () => {
    const id = await send();
    await fail(id);
    await followAll();
    await tell(id, 0, 'bounced', { action: 'failed', said: '550 5.1.1 gone' });
    await tell(id, 0, 'bounced', { action: 'failed', said: '550 5.1.1 gone' });
    await followAll();
    expect(await made(id)).toHaveLength(1);
  });

  it('and again when a person tried it again, and it failed again', async () => {
    const id = await send();
    await fail(id);
    await followAll();
    await fail(id, 0, { attempt: 2 });
    await followAll();
    expect(await made(id)).toHaveLength(2);
  });

  it('although its event was committed after younger ones', async () => {
    const [late, early] = [await send(), await send()];
    const client = await database.pool.connect();
    const slow = {
      rows: async (text: string, ...values: unknown[]) => (await client.query(text, values)).rows as never,
    };
    await client.query('begin');
    await fail(late, 0, {}, slow);
    await fail(early);
    await tellOnce(options());
    expect(await made(late, early)).toEqual([]);
    await client.query('commit');
    client.release();
    await followAll();
    expect(await made(late, early)).toHaveLength(2);
  });
});

describe('what came back later', () => {
  it('is told in the words of the report', async () => {
    const id = await send({ recipients: ['gone@x.example'], delivery: { notify: 'FAILURE' } });
    await database.rows(
      `insert into reports (report_id, digest, kind, format, size, bytes) values ('R1', 'd', 'dsn', 'dsn', 1, 'x')`,
    );
    await database.rows(
      `insert into report_recipients (report_id, i, action, reason, verdict, rule, confidence, status, diagnostic,
         message_id, n, correlated_by, is_proven, correlation, decision, decided_by)
       values ('R1', 0, 'failed', 'mailbox_full', 'soft', 'r', 1, '5.2.2', '552 5.2.2 over quota', $1, 0, 'return-path',
         true, 'c', 'nothing', 'd')`,
      id,
    );
    await tell(id, 0, 'bounced', { report: 'R1', action: 'failed', said: 'something' });
    await followAll();
    const [dsn] = await made(id);
    expect(parseReport(dsn!.content).recipients).toMatchObject([
      { finalRecipient: 'gone@x.example', status: '5.2.2', diagnostic: '552 5.2.2 over quota' },
    ]);
  });

  it.each([
    ['delay-reported', 'delayed', 'DELAY'],
    ['delivery-confirmed', 'delivered', 'SUCCESS'],
    ['delivery-confirmed', 'expanded', 'SUCCESS'],
    ['bounced', 'failed', 'FAILURE'],
  ])('%s, %s, to whoever asked for %s', async (kind, action, notify) => {
    const id = await send({ delivery: { notify } });
    await tell(id, 0, kind, { action, said: null });
    await eventually(async () => {
      await tellOnce(options());
      const [dsn] = await made(id);
      expect(parseReport(dsn!.content).recipients).toMatchObject([{ action }]);
    });
  });
});

describe('all of the message is returned', () => {
  const body = 'x'.repeat(70_000).replaceAll(/x{70}/g, '$&\r\n');
  const returned = async (sent: Sent, kind = 'failed') => {
    const id = await send(sent);
    if (kind === 'failed') await fail(id);
    else await tell(id, 0, kind, { action: 'delayed' });
    return eventually(async () => {
      await tellOnce(options());
      const [dsn] = await made(id);
      return dsn!.content.toString().includes('xxxx\r\n');
    });
  };

  it.each<[string, boolean, Sent, string?]>([
    ['where RET= says FULL', true, { message: { ret: 'FULL' }, content: `A: b\r\n\r\n${body}` }],
    ['not where it says HDRS', false, { message: { ret: 'HDRS' }, content: `A: b\r\n\r\n${body}` }],
    ['not where it says nothing', false, { content: `A: b\r\n\r\n${body}` }],
    ['not when it is late only', false, { message: { ret: 'FULL' }, content: `A: b\r\n\r\n${body}` }, 'delay-reported'],
    ['not when it is large', false, { message: { ret: 'FULL' }, content: `A: b\r\n\r\n${body}${body}` }],
  ])('%s', async (_what, isReturned, sent, kind) => {
    expect(await returned(sent, kind)).toBe(isReturned);
  });

  it('without what the app said to us alone, and with what we put in front', async () => {
    const content = 'X-Postern-Tag: secret\r\nMessage-ID: <id@x>\r\n\r\nhello\r\n';
    const omitted = [0, 'X-Postern-Tag: secret\r\n'.length];
    const id = await send({ content, message: { ret: 'FULL', omitted } });
    await fail(id);
    await followAll();
    const [dsn] = await made(id);
    const text = dsn!.content.toString();
    expect(text).toContain(
      'message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nReceived: x\r\nMessage-ID: <id@x>\r\n\r\nhello',
    );
    expect(text).not.toContain('secret');
  });
});

it('mail that nobody wants to hear of is read past', async () => {
  const ids = await Promise.all(Array.from({ length: 120 }, () => send({ delivery: { notify: null } })));
  for (const id of ids) await fail(id);
  const marker = await send();
  await fail(marker);
  await followAll();
  expect(await made(...ids, marker)).toHaveLength(1);
});
