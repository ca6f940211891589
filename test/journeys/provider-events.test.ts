// A provider takes mail, and reports over HTTP what became of it: named by the mark that it got with the mail, believed
// because it is signed, and acted upon as a returned mail would be. The provider's name leads to a server of the test's.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mailgunEvent, postmarkRecord, sendgridEvent } from '../bounce/events/payloads.ts';
import { postern } from '../support/command-line.ts';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import {
  LOGIN,
  MAILGUN_KEY,
  mailgunRequest,
  postmarkRequest,
  type Signed,
  sendgridKeys,
  sendgridRequest,
} from '../support/provider-requests.ts';
import { dsn } from '../support/returned-mail.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { type Received, ScriptedUpstream } from '../support/upstream.ts';

let dns: DnsServer;
let provider: ScriptedUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  dns = await startDnsServer();
  await dns.publish(['smtp.mailgun.org. 3600 IN A 127.0.0.1']);
  provider = await ScriptedUpstream.start();
  gateway = await startTestGateway({
    POSTERN_ROLES: 'all',
    POSTERN_DNS_SERVERS: dns.address,
    POSTERN_UPSTREAMS: `smtp://smtp.mailgun.org:${provider.port}?name=mailgun&tls=none`,
    POSTERN_RETURN_PATH_DOMAIN: 'bounces.example.com',
    POSTERN_BOUNCE_SMTP_PORT: '0',
    POSTERN_EVENTS_MAILGUN: MAILGUN_KEY,
    POSTERN_EVENTS_POSTMARK: LOGIN,
    POSTERN_EVENTS_SENDGRID: sendgridKeys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
  });
});
beforeEach(async () => {
  provider.messages.length = 0;
  await gateway.rows('truncate suppressions, outcomes');
});
afterAll(async () => {
  await gateway.end();
  await provider.stop();
  await dns.stop();
});

async function post({ path, headers, body }: Signed): Promise<number> {
  const url = `http://127.0.0.1:${gateway.httpPort}${path}`;
  return (await fetch(url, { method: 'POST', headers, body: body as string })).status;
}
type Fields = Record<string, unknown>;
let count = 0;
/** What Mailgun says of a message that it got: its own words, and what it repeats of the message. */
function mailgunSays({ content, mail, rcpts }: Received, fields: Fields = {}) {
  count += 1;
  const variables = /^X-Mailgun-Variables: (.*)$/m.exec(content.toString())?.[1];
  return mailgunEvent({
    ...{ id: `said-${process.pid}-${count}`, recipient: recipientOf(rcpts) },
    envelope: { sender: /<([^>]*)>/.exec(mail)![1], targets: recipientOf(rcpts) },
    'user-variables': JSON.parse(variables ?? '{}'),
    ...fields,
  });
}
const recipientOf = (rcpts: readonly string[]) => /<([^>]*)>/.exec(rcpts[0]!)?.[1] ?? rcpts[0]!;
const mailgun = (payload: object) => mailgunRequest(payload, { at: Date.now() });

/** One message that the provider took. */
async function send(to: string): Promise<{ id: string; taken: Received }> {
  const id = await gateway.submit(to, `Message-ID: <${to}@app.example>\r\nSubject: hello\r\n\r\nhello\r\n`);
  await gateway.reaches(id, 'delivered');
  return { id, taken: provider.messages.at(-1)! };
}
const suppressed = async () =>
  (await gateway.rows<{ address_key: string }>('select address_key from suppressions')).map(one => one.address_key);
const cli = (...args: string[]) =>
  postern({ DATABASE_URL: gateway.database.url, POSTERN_DATA_DIR: gateway.dataDir }, ...args);
const reportCount = async () => (await gateway.rows('select 1 from reports')).length;

it('from the mail of an app over the event to the next mail, which is skipped', async () => {
  const { id, taken } = await send('gone@x.example');
  expect(await post(mailgun(mailgunSays(taken)))).toBe(200);

  expect(await gateway.events(id)).toEqual(['accepted', 'delivered 0', 'address-suppressed 0', 'bounced 0']);
  const story = (await cli('message', 'show', id)).stdout;
  expect(story).toMatch(/bounced: no_mailbox, hard \(rule [\w.-]+\)\n +.*user unknown/);
  expect(story).toMatch(/report (\w{26}) by mailgun, tied by our signed return path, for this recipient/);
  const report = /report (\w{26}) by mailgun/.exec(story)![1]!;
  expect((await cli('suppression', 'list')).stdout).toContain(`report ${report}: `);
  expect((await cli('bounce', 'show', report)).stdout).toMatch(
    /from events:mailgun\nKind +event, read as mailgun\nSize/,
  );
  expect(JSON.parse((await cli('bounce', 'show', report, '--raw')).stdout)).toMatchObject({ event: 'failed' });

  const next = await gateway.submit('gone@x.example');
  await gateway.reaches(next, 'suppressed');
  expect(provider.messages).toHaveLength(1);
});

it('the mark alone names the delivery', async () => {
  const { id, taken } = await send('marked@x.example');
  const envelope = { sender: 'bounce+abc@mailgun.example', targets: 'marked@x.example' };
  expect(await post(mailgun(mailgunSays(taken, { envelope })))).toBe(200);
  expect(await suppressed()).toEqual(['marked@x.example']);
  expect((await cli('message', 'show', id)).stdout).toContain('our mark, repeated by mailgun for this recipient');
});

it('so does the Message-ID, where a provider repeats nothing else', async () => {
  await send('plain@x.example');
  const event = sendgridEvent({ email: 'plain@x.example', 'smtp-id': '<plain@x.example@app.example>', postern: '' });
  expect(await post(sendgridRequest([event], { at: Date.now() }))).toBe(200);
  expect(await suppressed()).toEqual(['plain@x.example']);
});

it('the same event told twice, and a returned mail about the same, count once', async () => {
  const { id, taken } = await send('twice@x.example');
  const event = mailgunSays(taken);
  expect([await post(mailgun(event)), await post(mailgun(event))]).toEqual([200, 200]);
  const [, returnPath = ''] = /<([^>]*)>/.exec(taken.mail)!;
  const client = await SmtpClient.connect(gateway.gateway.ports.bounces!);
  await client.reply();
  await client.ask('EHLO mx.example.net');
  const mail = dsn({ to: returnPath, recipient: 'twice@x.example' });
  expect(await client.submit('', [returnPath], mail)).toMatch(/^250 /);
  client.close();
  const told = await gateway.events(id);
  expect(told.slice(2)).toEqual(['address-suppressed 0', 'bounced 0', 'bounced 0']);
  expect(await gateway.rows('select decision from outcomes')).toEqual([{ decision: 'suppressed' }]);
});

it('a complaint suppresses for its stream', async () => {
  const { id } = await send('angry@x.example');
  const complaint = { Email: 'angry@x.example', ID: 4711, BouncedAt: new Date(), Metadata: { postern: `${id}-0` } };
  expect(await post(postmarkRequest(postmarkRecord('SpamComplaint', complaint)))).toBe(200);
  expect(await gateway.rows('select reason, stream, expires_at from suppressions')).toEqual([
    { reason: 'complaint', stream: 'transactional', expires_at: null },
  ]);
});

it('what the provider kept to itself is told, and delivered mail is confirmed; neither is listed as a bounce', async () => {
  const { id, taken } = await send('kept@x.example');
  await post(mailgun(mailgunSays(taken, { reason: 'suppress-bounce' })));
  await post(mailgun(mailgunSays(taken, { event: 'delivered' })));
  const story = (await cli('message', 'show', id)).stdout;
  expect(story).toMatch(/rejected by provider: unknown \(rule mailgun:permanent\/suppress-bounce\)/);
  expect(story).toContain('delivery confirmed: delivered');
  expect(await suppressed()).toEqual([]);
  const delivered = /^\w{26} .* delivered/m;
  expect((await cli('bounce', 'list', '--to', 'kept@x.example')).stdout).not.toMatch(delivered);
  expect((await cli('bounce', 'list', '--to', 'kept@x.example', '--delivered')).stdout).toMatch(delivered);
});

describe('a forged event', () => {
  it.each<[string, (payload: object) => Signed]>([
    ['signed-by-another', payload => mailgunRequest(payload, { at: Date.now(), key: 'f'.repeat(32) })],
    ['signed-yesterday', payload => mailgunRequest(payload, { at: Date.now() - 86_400_000 })],
  ])('%s is refused, and changes nothing', async (title, sign) => {
    const { id, taken } = await send(`${title}@x.example`);
    const before = await reportCount();
    expect(await post(sign(mailgunSays(taken)))).toBe(403);
    expect([await reportCount(), await suppressed()]).toEqual([before, []]);
    expect(await gateway.events(id)).toEqual(['accepted', 'delivered 0']);
  });

  it('at the path of a provider without a setting finds nothing', async () => {
    expect(await post({ path: '/events/ses', headers: {}, body: '{}' })).toBe(404);
  });
});

it('doctor says of paths without an HTTP server that they are not open', async () => {
  const { stdout, code } = await postern(
    {
      ...{ DATABASE_URL: gateway.database.url, POSTERN_DATA_DIR: gateway.dataDir, POSTERN_HTTP_PORT: 'off' },
      POSTERN_EVENTS_POSTMARK: LOGIN,
    },
    'doctor',
  );
  expect(code).toBe(1);
  expect(stdout).toMatch(/^FAILED +events +\/events\/postmark is not open\n +→ name a POSTERN_HTTP_PORT: /m);
});

it('doctor names the paths, and what ties their events', async () => {
  const { stdout } = await postern(
    {
      ...{ DATABASE_URL: gateway.database.url, POSTERN_DATA_DIR: gateway.dataDir, POSTERN_HTTP_PORT: '8025' },
      ...{ POSTERN_EVENTS_MAILGUN: `${MAILGUN_KEY},two=${MAILGUN_KEY}`, POSTERN_EVENTS_POSTMARK: LOGIN },
      ...{ POSTERN_UPSTREAMS: `smtp://smtp.mailgun.org:${provider.port}?tls=none` },
      POSTERN_DNS_SERVERS: dns.address,
    },
    'doctor',
  );
  expect(stdout).toMatch(/^ok +events +\/events\/mailgun, on port 8025; tied by our mark$/m);
  expect(stdout).toMatch(/^ok +events +\/events\/mailgun\/two, on port 8025; tied by our mark$/m);
  expect(stdout).toMatch(
    /^ok +events +\/events\/postmark, on port 8025; tied by return path or Message-ID: no upstream/m,
  );
});
