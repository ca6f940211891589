// With signed return paths, whatever the hosts behind us tell comes to us, not to the app: who asked is told by us, once.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { explainReport } from '../../bounce/index.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { dsn, type Told } from '../support/returned-mail.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { type Received, ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: upstream.url('name=main'),
    POSTERN_ROLES: 'all',
    POSTERN_RETURN_PATH_DOMAIN: 'bounces.example.com',
    POSTERN_BOUNCE_SMTP_PORT: '0',
  });
});
beforeEach(async () => {
  upstream.messages.length = 0;
  await gateway.rows('truncate suppressions');
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

async function submit(notify: string, from = 'app@example.com'): Promise<Received> {
  const client = await gateway.login();
  await client.ask(`MAIL FROM:<${from}>`);
  await client.ask(`RCPT TO:<there@x.example>${notify}`);
  await client.ask('DATA');
  client.send(`Subject: hello to ${from}\r\n\r\nhello\r\n.\r\n`);
  const id = /queued as (\w{26})/.exec(await client.reply())![1]!;
  client.close();
  await gateway.reaches(id, 'delivered');
  return upstream.messages.at(-1)!;
}

/** What the host behind us tells, to the return path that it was given. */
async function tell({ mail }: Received, told: Partial<Told>): Promise<void> {
  const returnPath = /^MAIL FROM:<(b\+[^>]+@bounces\.example\.com)>/.exec(mail)![1]!;
  const client = await SmtpClient.connect(gateway.gateway.ports.bounces!);
  await client.reply();
  await client.ask('EHLO mx.example.net');
  const answer = await client.submit('', [returnPath], dsn({ to: returnPath, recipient: 'there@x.example', ...told }));
  expect(answer).toMatch(/^250/);
  client.close();
}

const notifications = (to = 'app@example.com') =>
  upstream.messages
    .filter(({ rcpts }) => rcpts.some(rcpt => rcpt.includes(`<${to}>`)))
    .map(({ mail, content }) => [
      mail.split(' ').slice(0, 2).join(' '),
      ...explainReport(content).results.map(one => `${one.recipient} ${one.action} ${one.status}`),
    ]);

/** Everything that was told so far has been passed on: the follower keeps the order of events. */
async function caughtUp(): Promise<void> {
  const marker = await submit(' NOTIFY=FAILURE', 'marker@example.com');
  await tell(marker, {});
  await eventually(() => expect(notifications('marker@example.com')).toHaveLength(1));
}

it.each([
  ['a bounce', ' NOTIFY=FAILURE', { status: '5.2.2', diagnostic: 'smtp; 552 5.2.2 over quota' }, 'failed 5.2.2'],
  [
    'success',
    ' NOTIFY=SUCCESS',
    { action: 'delivered', status: '2.1.5', diagnostic: 'smtp; 250 ok' },
    'delivered 2.1.5',
  ],
  ['a delay', ' NOTIFY=DELAY', { action: 'delayed', status: '4.4.1', diagnostic: 'smtp; 451 later' }, 'delayed 4.4.1'],
])('%s that is told to us is told to whoever asked, once', async (_what, notify, told, expected) => {
  const sent = await submit(notify);
  await tell(sent, told);
  await tell(sent, told);
  await caughtUp();
  expect(notifications()).toEqual([['MAIL FROM:<>', `there@x.example ${expected}`]]);
});

it('a bounce that nobody asked to hear of stays with us', async () => {
  const full = { status: '5.2.2', diagnostic: 'smtp; 552 5.2.2 over quota' };
  await tell(await submit(''), full);
  await tell(await submit(' NOTIFY=NEVER'), full);
  await caughtUp();
  expect(notifications()).toEqual([]);
});
