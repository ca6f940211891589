// An app that asks to be told what becomes of its mail is told by mail: over real sockets, from NOTIFY= to the
// notification at the upstream, and back in the timeline.
import { simpleParser } from 'mailparser';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { explainReport } from '../../bounce/index.ts';
import { hashPassword } from '../../src/platform/secret.ts';
import { addCredential } from '../../src/store/credentials.ts';
import { postern } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ALL_EXTENSIONS, type Received, ScriptedUpstream } from '../support/upstream.ts';

const WITHOUT_DSN = ALL_EXTENSIONS.filter(extension => extension !== 'DSN');
const GONE = '550 5.1.1 no such user';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main'), POSTERN_ROLES: 'all' });
  for (const dsn of ['always', 'never'] as const) {
    const secretHash = await hashPassword('app-password');
    await addCredential(gateway.database.db, { credentialId: dsn, tenantId: 'default', name: dsn, secretHash, dsn });
  }
});
beforeEach(async () => {
  // Sessions are kept: what the upstream offers is asked anew.
  upstream.disconnect();
  upstream.script = { rcpt: { 'gone@x.example': GONE } };
  upstream.messages.length = 0;
  await gateway.rows('truncate suppressions');
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

let count = 0;

type Sending = { from?: string; to?: string; rcpt?: string; mail?: string; user?: string; content?: string };

async function submit({ from = 'app@example.com', to = 'gone@x.example', ...how }: Sending = {}): Promise<string> {
  // Each with its own id, or it would be the first one come again.
  count += 1;
  const client = await gateway.login(how.user ? { user: how.user } : {});
  expect(await client.ask(`MAIL FROM:<${from}>${how.mail ?? ''}`)).toMatch(/^250/);
  expect(await client.ask(`RCPT TO:<${to}>${how.rcpt ?? ''}`)).toMatch(/^250/);
  expect(await client.ask('DATA')).toMatch(/^354/);
  client.send(how.content ?? `Message-ID: <order-${count}@app.example>\r\nSubject: Your order\r\n\r\nThanks.\r\n`);
  client.send('.\r\n');
  const id = /queued as (\w{26})/.exec(await client.reply())?.[1];
  client.close();
  return id!;
}

/** Notifications that came to the upstream, as their sender is told. */
const arrived = (to = 'app@example.com'): Received[] =>
  upstream.messages.filter(({ rcpts }) => rcpts.some(rcpt => rcpt.includes(`<${to}>`)));

const arrives = (to?: string): Promise<Received> =>
  eventually(() => {
    const [message] = arrived(to);
    if (!message) throw new Error('not yet');
    return message;
  });

/** Whatever was to be told of mail before has been told: the follower keeps the order of events. */
async function nothingArrives(): Promise<void> {
  await submit({ from: 'marker@example.com', rcpt: ' NOTIFY=FAILURE' });
  await arrives('marker@example.com');
  expect(arrived()).toEqual([]);
}

const summary = ({ content }: Received) =>
  explainReport(content).results.map(one => `${one.recipient} ${one.action} ${one.status}`);

it('a failure that NOTIFY=FAILURE asked for comes to the reverse-path, from <>', async () => {
  const id = await submit({ mail: ' RET=FULL ENVID=order+2B1', rcpt: ' NOTIFY=FAILURE ORCPT=rfc822;old+40x.example' });
  const dsn = await arrives();
  expect(dsn.mail).toMatch(/^MAIL FROM:<>/);
  expect(dsn.rcpts).toEqual(['RCPT TO:<app@example.com> NOTIFY=NEVER']);
  expect(explainReport(dsn.content)).toMatchObject({
    kind: 'dsn',
    results: [{ recipient: 'old@x.example', finalRecipient: 'gone@x.example', action: 'failed', status: '5.1.1' }],
  });
  const parsed = await simpleParser(dsn.content);
  expect(parsed).toMatchObject({ subject: 'Not delivered: Your order', inReplyTo: '<order-1@app.example>' });
  expect(parsed.from?.text).toContain('MAILER-DAEMON@gateway.test');
  const text = dsn.content.toString();
  expect(text).toContain('Original-Envelope-Id: order+1\r\n');
  expect(text).toContain('Auto-Submitted: auto-replied\r\n');
  // All of it, as it left the house.
  expect(text).toMatch(/message\/rfc822\r\n[\s\S]*Received: from client\.example[\s\S]*\r\n\r\nThanks\.\r\n/);
  expect(await gateway.events(id)).toContain('dsn-sent 0');
});

it('its timeline leads to the notification, and back', async () => {
  const id = await submit({ rcpt: ' NOTIFY=FAILURE' });
  await arrives();
  const [told] = await gateway.rows<{ data: { dsn: string } }>(
    `select data from events where message_id = $1 and kind = 'dsn-sent'`,
    id,
  );
  await gateway.reaches(told!.data.dsn, 'delivered');
  const show = async (of: string) =>
    (await postern({ DATABASE_URL: gateway.database.url }, 'message', 'show', of)).stdout;
  expect(await show(id)).toContain(`told app@example.com of failure (notify-asks): message ${told!.data.dsn}\n`);
  expect(await show(told!.data.dsn)).toContain(`\nTells of    failure, of ${id} to gone@x.example\n`);
});

describe('nobody is told', () => {
  it.each<[string, Sending]>([
    ['who said NOTIFY=NEVER, even by a credential that says always', { rcpt: ' NOTIFY=NEVER', user: 'always' }],
    ['who did not ask', {}],
    ['who asked for something else', { rcpt: ' NOTIFY=SUCCESS,DELAY' }],
    ['by a credential that says never', { rcpt: ' NOTIFY=FAILURE', user: 'never' }],
    ['whose mail is from <>', { from: '', rcpt: ' NOTIFY=FAILURE' }],
    [
      'about a report',
      { rcpt: ' NOTIFY=FAILURE', content: 'Content-Type: multipart/report; boundary=x\r\n\r\n--x--\r\n' },
    ],
  ])('%s', async (_who, sending) => {
    const id = await submit(sending);
    await gateway.reaches(id, 'failed', 'suppressed');
    await nothingArrives();
    const all = upstream.messages.filter(({ rcpts }) => !rcpts.some(rcpt => rcpt.includes('marker')));
    expect(all).toEqual([]);
  });
});

it('a credential that says always has its senders told of failures unasked', async () => {
  await submit({ user: 'always' });
  expect(summary(await arrives())).toEqual(['gone@x.example failed 5.1.1']);
});

describe('success (RFC 3461 section 5.2.2)', () => {
  const sending = { to: 'there@x.example', rcpt: ' NOTIFY=SUCCESS' };

  it('is told by us where the upstream does not offer DSN: relayed', async () => {
    upstream.script = { extensions: WITHOUT_DSN };
    await submit(sending);
    expect(summary(await arrives())).toEqual(['there@x.example relayed 2.0.0']);
  });

  it('is left to the upstream that offers DSN, and is asked there', async () => {
    const id = await submit(sending);
    await gateway.reaches(id, 'delivered');
    expect(upstream.messages[0]!.rcpts).toEqual(['RCPT TO:<there@x.example> NOTIFY=SUCCESS']);
    await nothingArrives();
  });

  it('is not told unasked, by whatever credential', async () => {
    upstream.script = { extensions: WITHOUT_DSN, rcpt: { 'gone@x.example': GONE } };
    const id = await submit({ to: 'there@x.example', user: 'always' });
    await gateway.reaches(id, 'delivered');
    await nothingArrives();
  });
});

it('a suppressed recipient is told of, and not as one that does not exist', async () => {
  await gateway.rows(`insert into suppressions (address_key, reason) values ('off@x.example', 'complaint')`);
  await submit({ to: 'off@x.example', rcpt: ' NOTIFY=FAILURE' });
  const dsn = await arrives();
  expect(summary(dsn)).toEqual(['off@x.example failed 5.7.1']);
  expect(explainReport(dsn.content).results[0]!.hard).toBe(false);
});

it('what is late is told to whoever asked, and is tried on', async () => {
  upstream.script = { rcpt: { 'slow@x.example': '452 4.2.2 mailbox full' } };
  const id = await submit({ to: 'slow@x.example', rcpt: ' NOTIFY=DELAY' });
  await gateway.settled(id);
  // As the sweep does four hours on.
  await gateway.rows(`insert into events (kind, message_id, n) values ('delayed', $1, 0)`, id);
  const dsn = await arrives();
  expect(summary(dsn)).toEqual(['slow@x.example delayed 4.2.2']);
  expect(dsn.content.toString()).toMatch(/^Will-Retry-Until: /m);
  expect(await gateway.deliveries(id)).toMatchObject([{ state: 'queued' }]);
});
