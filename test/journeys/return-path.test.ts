// Mail leaves with a signed return path, a transaction a recipient, so that what comes back names its delivery.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readToken, tokenOf } from '../../src/mail/verp.ts';
import { loadReturnPathKeys } from '../../src/platform/return-path-key.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ALL_EXTENSIONS, type Received, ScriptedUpstream } from '../support/upstream.ts';

const DOMAIN = 'bounces.example.com';
let upstream: ScriptedUpstream;
let insisting: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({ extensions: ALL_EXTENSIONS });
  insisting = await ScriptedUpstream.start({ extensions: ALL_EXTENSIONS });
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: `${upstream.url('name=main')},${insisting.url('name=insisting&returnPath=own')}`,
    POSTERN_RETURN_PATH_DOMAIN: DOMAIN,
  });
});
beforeEach(() => {
  upstream.script = { extensions: ALL_EXTENSIONS };
  upstream.messages.length = 0;
  insisting.messages.length = 0;
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
  await insisting.stop();
});

const pathOf = ({ mail }: Received) => /^MAIL FROM:<([^>]*)>/.exec(mail)![1]!;
const envidOf = ({ mail }: Received) => / ENVID=(\S+)/.exec(mail)?.[1] ?? null;

async function read(token: string | null) {
  return readToken(token ?? '', await loadReturnPathKeys(gateway.dataDir, null), Date.now());
}

describe('a message', () => {
  it('leaves from an address that names the delivery, and with an envelope id that does too', async () => {
    const id = await gateway.submit('a@x.example');
    await gateway.reaches(id, 'delivered');
    const [message] = upstream.messages;
    const delivery = { kind: 'valid', messageId: id, n: 0 };
    expect(await read(tokenOf(pathOf(message!), DOMAIN))).toEqual(delivery);
    expect(await read(envidOf(message!))).toEqual(delivery);
  });

  it('to several goes to each in a transaction of its own, each with its own address', async () => {
    const recipients = Array.from({ length: 12 }, (_, i) => `r${i}@x.example`);
    const id = await gateway.submit(recipients);
    await gateway.reaches(id, 'delivered');
    expect(upstream.messages).toHaveLength(12);
    const pairs = await Promise.all(
      upstream.messages.map(async message => {
        const token = await read(tokenOf(pathOf(message), DOMAIN));
        return [message.rcpts.join(), 'n' in token ? token.n : token.kind];
      }),
    );
    expect(pairs.sort()).toEqual(recipients.map((address, n) => [`RCPT TO:<${address}>`, n]).sort());
  });

  it('whose recipient is refused costs the others nothing', async () => {
    upstream.script = { extensions: ALL_EXTENSIONS, rcpt: { 'gone@x.example': '550 5.1.1 no such user' } };
    const id = await gateway.submit(['a@x.example', 'gone@x.example', 'b@x.example']);
    await gateway.reaches(id, 'delivered', 'failed');
    expect((await gateway.deliveries(id)).map(({ state }) => state)).toEqual(['delivered', 'failed', 'delivered']);
  });

  it('from <> stays from <>', async () => {
    const id = await gateway.submit('a@x.example', undefined, '');
    await gateway.reaches(id, 'delivered');
    expect(upstream.messages[0]!.mail).toMatch(/^MAIL FROM:<>/);
    expect(envidOf(upstream.messages[0]!)).toBeNull();
  });

  it('keeps the envelope id that its app gave', async () => {
    const client = await SmtpClient.login(gateway.smtpPort);
    await client.ask('MAIL FROM:<sender@example.com> ENVID=app-17');
    await client.ask('RCPT TO:<a@x.example>');
    await client.ask('DATA');
    const answer = await client.ask('Subject: x\r\n\r\nx\r\n.');
    client.close();
    await gateway.reaches(/as (\w{26})/.exec(answer)![1]!, 'delivered');
    expect(envidOf(upstream.messages[0]!)).toBe('app-17');
  });

  it('goes to an upstream that insists with the address that its app gave', async () => {
    upstream.script = { extensions: ALL_EXTENSIONS, mail: '421 4.3.2 closing' };
    const id = await gateway.submit('a@x.example');
    await gateway.reaches(id, 'delivered');
    expect(pathOf(insisting.messages[0]!)).toBe('sender@example.com');
    expect(await read(envidOf(insisting.messages[0]!))).toMatchObject({ kind: 'valid', messageId: id });
  });
});
