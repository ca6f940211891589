// Who a client is by its address alone: trusted networks and balancers, through the whole gateway.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: upstream.url('name=main'),
    POSTERN_PROXY_NETWORKS: '127.0.9.0/24',
    POSTERN_MAX_SESSIONS_PER_IP: '2',
  });
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

async function helloed(from: string, header = ''): Promise<SmtpClient> {
  const client = await SmtpClient.connect(gateway.smtpPort, { from });
  client.send(header);
  await client.reply();
  await client.ask('EHLO printer.example');
  return client;
}

it('a network of a credential needs no login from the moment that it is named until it is taken away', async () => {
  const mail = async (from: string, header?: string) => {
    const client = await helloed(from, header);
    const answer = await client.ask('MAIL FROM:<a@printer.example>');
    if (answer.startsWith('250')) {
      for (const command of ['RCPT TO:<receiver@example.net>', 'DATA']) await client.ask(command);
      expect(await client.ask('From: a@printer.example\r\n\r\nhello\r\n.')).toMatch(/^250 2\.6\.0 /);
    }
    client.close();
    return answer.slice(0, 3);
  };
  expect(await mail('127.0.7.1')).toBe('530');
  await gateway.rows(`update credentials set networks = '{127.0.7.0/24,192.0.2.0/24}'`);
  await eventually(async () => expect(await mail('127.0.7.1')).toBe('250'));
  expect(await mail('127.0.8.1')).toBe('530');
  expect(await mail('127.0.9.1', 'PROXY TCP4 192.0.2.7 192.0.2.8 1 25\r\n')).toBe('250');
  expect(await mail('127.0.9.1', 'PROXY TCP4 198.51.100.7 192.0.2.8 1 25\r\n')).toBe('530');
  expect(await mail('127.0.9.1', 'PROXY UNKNOWN\r\n')).toBe('530');
  const received = await eventually(() => {
    const found = upstream.messages.map(({ content }) => /^Received: .*$/m.exec(content.toString())?.[0]);
    expect(found).toHaveLength(2);
    return found;
  });
  expect(received.sort()).toEqual([
    'Received: from printer.example ([127.0.7.1])',
    'Received: from printer.example ([192.0.2.7])',
  ]);
  expect(upstream.messages[0]!.content.toString()).toMatch(/\r\n\tby gateway\.test with ESMTP id /);
  expect(await gateway.rows('select name from credentials where last_used_at is not null')).toHaveLength(1);
  await gateway.rows(`update credentials set networks = '{}'`);
  await eventually(async () => expect(await mail('127.0.7.1')).toBe('530'));
});

it('the settings say how many sessions an address may have', async () => {
  const two = [await helloed('127.0.6.1'), await helloed('127.0.6.1')];
  const third = await SmtpClient.connect(gateway.smtpPort, { from: '127.0.6.1' });
  expect(await third.reply()).toMatch(/^421 4\.7\.0 Too many sessions from your address/);
  for (const client of [...two, third]) client.close();
});
