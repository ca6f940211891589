// Bounces by SMTP: the door takes reports for return paths of ours and nothing else, and says 250 after the commit.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MessageId } from '../../src/mail/submission.ts';
import { returnPath } from '../../src/mail/verp.ts';
import { loadReturnPathKeys } from '../../src/platform/return-path-key.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { complaint, dsn, letter, putSent } from '../support/returned-mail.ts';
import { SmtpClient } from '../support/smtp-client.ts';

const DOMAIN = 'bounces.example.com';
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    POSTERN_ROLES: 'all',
    POSTERN_RETURN_PATH_DOMAIN: DOMAIN,
    POSTERN_BOUNCE_SMTP_PORT: '0',
  });
});
afterAll(() => gateway.end());

async function hello() {
  const client = await SmtpClient.connect(gateway.gateway.ports.bounces!);
  await client.reply();
  return { client, ehlo: await client.ask('EHLO mx.example.net') };
}
async function pathFor(recipient: string) {
  const messageId = await putSent(gateway, { recipients: [recipient] });
  const [key] = await loadReturnPathKeys(gateway.dataDir, null);
  return { messageId, path: returnPath({ messageId: messageId as MessageId, n: 0 }, DOMAIN, key!, Date.now()) };
}
async function send(to: string, content: Buffer) {
  const { client } = await hello();
  const answer = await client.submit('', [to], content).catch(error => String(error));
  client.close();
  return answer;
}

describe('the door for bounces', () => {
  it('records a report that is sent to a return path, and acts upon it', async () => {
    const { messageId, path } = await pathFor('gone@x.example');
    expect(await send(path, dsn({ to: 'undisclosed', recipient: 'gone@x.example' }))).toMatch(
      /^250 2\.6\.0 recorded as \w{26}$/,
    );
    expect(await gateway.rows('select address_key from suppressions')).toEqual([{ address_key: 'gone@x.example' }]);
    expect(await gateway.events(messageId)).toEqual(['address-suppressed 0', 'bounced 0']);
  });

  it('takes complaints too', async () => {
    const { messageId, path } = await pathFor('angry@x.example');
    const report = complaint({
      to: 'fbl@example.com',
      returnPath: 'redacted@example.com',
      recipient: 'angry@x.example',
    });
    expect(await send(path, report)).toMatch(/^250/);
    expect(await gateway.events(messageId)).toContain('complained 0');
  });

  it.each([
    ['anybody', 'somebody@example.org'],
    ['the domain', `postmaster@${DOMAIN}`],
    ['another domain', `b+${'0'.repeat(56)}@example.org`],
  ])('takes nothing for %s', async (_who, address) => {
    const { client } = await hello();
    await client.ask('MAIL FROM:<>');
    expect(await client.ask(`RCPT TO:<${address}>`)).toMatch(/^550 5\.1\.1 /);
    expect(await client.ask('DATA')).toMatch(/^503/);
    client.close();
  });

  it('takes nothing for a return path with a wrong signature', async () => {
    const { path } = await pathFor('a@x.example');
    const forged = path.replace(/(.)@/, (_, digit) => `${digit === '0' ? '1' : '0'}@`);
    expect(await send(forged, dsn({ to: forged, recipient: 'a@x.example' }))).toMatch(/550 5\.1\.1/);
    expect(await gateway.rows(`select 1 from suppressions where address_key = 'a@x.example'`)).toEqual([]);
  });

  it('takes no letters', async () => {
    const { path } = await pathFor('a@x.example');
    expect(await send(path, letter())).toBe('550 5.7.1 Only reports are taken here');
  });

  it('offers TLS and no login', async () => {
    const { client, ehlo } = await hello();
    expect(ehlo).toContain('STARTTLS');
    expect(ehlo).not.toContain('AUTH');
    expect(await client.ask('AUTH PLAIN AGFwcABhcHAtcGFzc3dvcmQ=')).toMatch(/^5/);
    client.close();
  });

  it('takes no more than ten megabytes', async () => {
    const { path } = await pathFor('big@x.example');
    const { client } = await hello();
    expect(await client.ask('MAIL FROM:<> SIZE=20000000')).toMatch(/^552/);
    client.close();
    const line = `${'x'.repeat(998)}\r\n`;
    expect(await send(path, Buffer.from(`Subject: x\r\n\r\n${line.repeat(11_000)}`))).toMatch(/^552 5\.3\.4/);
  });

  it('takes ten connections from one address at a time', async () => {
    const greetings: (string | null)[] = [];
    const clients: SmtpClient[] = [];
    for (let i = 0; i < 11; i += 1) {
      const client = await SmtpClient.connect(gateway.gateway.ports.bounces!);
      clients.push(client);
      greetings.push(await client.replyOrEnd());
    }
    expect(greetings.filter(greeting => greeting?.startsWith('220')).length).toBeLessThanOrEqual(10);
    expect(greetings.at(-1)).toMatch(/^421 4\.7\.0 /);
    for (const client of clients) client.close();
  });
});
