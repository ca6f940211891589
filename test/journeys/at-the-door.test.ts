// What a credential is treated like: control fields, quotas, suppressed recipients, authentication and signatures, over
// SMTP and up to what arrives.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type NameServer, startNameServer } from '../support/dns.ts';
import { eventually } from '../support/eventually.ts';
import { PASSWORD, startTestGateway, type TestGateway, USER } from '../support/gateway.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let dns: NameServer;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  dns = await startNameServer({
    'strict.example': { TXT: ['v=spf1 -all'] },
    '_dmarc.strict.example': { TXT: ['v=DMARC1; p=reject'] },
  });
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: upstream.url('name=main'),
    POSTERN_DNS_SERVERS: dns.address,
  });
});
beforeEach(() => {
  upstream.messages.length = 0;
});
afterEach(async () => {
  await gateway.rows(`update credentials set authentication = 'observe', over_quota = 'defer', on_suppressed = 'accept',
    control_headers = true`);
  await gateway.rows('delete from quotas');
  await gateway.rows('delete from suppressions');
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
  await dns.stop();
});

/** Changes how the credential is treated; the gateway has it within two seconds. */
async function treat(columns: string): Promise<void> {
  await gateway.rows(`update credentials set ${columns}`);
  await new Promise(resolve => setTimeout(resolve, 2_100));
}

async function ask(...commands: string[]): Promise<string[]> {
  const client = await SmtpClient.login(gateway.smtpPort, { user: USER, password: PASSWORD });
  const replies: string[] = [];
  for (const command of commands) replies.push(await client.ask(command));
  client.close();
  return replies;
}

async function refusal(content: string, from = 'a@strict.example'): Promise<string> {
  const replies = await ask(`MAIL FROM:<${from}>`, 'RCPT TO:<b@x.example>', 'DATA', `${content}\r\n.`);
  return replies.at(-1)!;
}

const arrived = async (count = 1) => {
  await eventually(() => expect(upstream.messages.length).toBe(count));
  return upstream.messages.map(({ content }) => content.toString());
};

describe('control fields', () => {
  const content =
    'X-Postern-Tag: welcome\r\nFrom: a@example.com\r\nX-PM-Tag: second\r\nX-Postern-Metadata-Order: 4711\r\n' +
    'X-Mailgun-Variables: {"a": 1}\r\nX-Unrelated: stays\r\nX-Postern-Stream: bulk\r\n\r\nhello\r\n';

  it('are obeyed, and do not leave the house', async () => {
    const id = await gateway.submit('b@x.example', content);
    const [message] = await arrived();
    expect(message).toMatch(/\r\nFrom: a@example\.com\r\nX-Unrelated: stays\r\n\r\nhello\r\n$/);
    expect(message).not.toMatch(/X-Postern|X-PM|X-Mailgun/i);
    expect(await gateway.rows('select tags, metadata, stream from messages where message_id = $1', id)).toMatchObject([
      { tags: ['welcome', 'second'], metadata: { order: '4711' }, stream: 'bulk' },
    ]);
    const [stored] = await gateway.rows<{ bytes: Buffer }>('select bytes from contents where message_id = $1', id);
    expect(stored!.bytes.toString()).toBe(content);
  });

  it('mean nothing for a credential that may not, and do not leave either', async () => {
    await treat('control_headers = false');
    const id = await gateway.submit('b@x.example', content.replace('bulk', 'nonsense'));
    expect((await arrived())[0]).not.toMatch(/X-Postern|X-PM|X-Mailgun/i);
    expect(await gateway.rows('select tags, metadata, stream from messages where message_id = $1', id)).toMatchObject([
      { tags: [], metadata: null, stream: 'transactional' },
    ]);
  });

  it('that cannot be understood are refused in words', async () => {
    expect(await refusal('From: a@x.example\r\nX-Postern-Send-At: soon\r\n\r\n', 'a@x.example')).toMatch(
      /^550 5\.6\.0 X-Postern-Send-At .*example/,
    );
  });

  it('name a time: the message waits for it, and has its whole life from then on', async () => {
    const id = await gateway.submit('b@x.example', 'X-Postern-Send-At: +2h\r\nX-Postern-Max-Age: 10m\r\n\r\nhello\r\n');
    const [delivery] = await gateway.deliveries(id);
    expect(delivery).toMatchObject({ state: 'queued', reason: 'scheduled', attempt: 0, lease_holder: null });
    expect(delivery!.due_in_s).toBeGreaterThan(7_100);
    expect(await gateway.events(id)).toEqual(['accepted', 'scheduled 0']);
    const [row] = await gateway.rows<{ life: number }>(
      'select extract(epoch from expires_at - accepted_at)::float as life from messages where message_id = $1',
      id,
    );
    expect(row!.life).toBeCloseTo(7_800, 0);
    await gateway.makeDue(id);
    await gateway.reaches(id, 'delivered');
  });

  it('ask for nothing to be sent: it is kept', async () => {
    const id = await gateway.submit('b@x.example', 'X-Mailgun-Drop-Message: yes\r\n\r\nhello\r\n');
    expect(await gateway.deliveries(id)).toMatchObject([{ state: 'captured' }]);
  });

  it('name a key: the same one again is the same message, whatever else changed', async () => {
    const content = (subject: string) => `X-Postern-Idempotency-Key: order-1\r\nSubject: ${subject}\r\n\r\nhello\r\n`;
    const first = await gateway.submit('b@x.example', content('one'));
    expect(await gateway.submit('b@x.example', content('two'))).toBe(first);
    const [, , , answer] = await ask(
      ...['MAIL FROM:<a@x.example>', 'RCPT TO:<other@x.example>', 'DATA', `${content('one')}.`],
    );
    expect(answer).toMatch(new RegExp(`^550 5\\.6\\.0 .*${first}`));
    expect(await arrived()).toHaveLength(1);
  });
});

describe('a quota of two a minute', () => {
  const setQuota = async () => {
    await gateway.rows(`insert into quotas (credential_id, counts, max_count, window_ms, bucket_ms)
      select credential_id, 'messages', 2, 60000, 1000 from credentials where name = '${USER}'`);
    await new Promise(resolve => setTimeout(resolve, 2_100));
  };

  it('paces: the third is taken and waits for its turn', async () => {
    await setQuota();
    const ids = [];
    for (let i = 0; i < 3; i += 1) ids.push(await gateway.submit('b@x.example'));
    expect(await arrived(2)).toHaveLength(2);
    const [third] = await gateway.deliveries(ids[2]!);
    expect(third).toMatchObject({
      state: 'queued',
      attempt: 0,
      reason: expect.stringMatching(/^over-quota: 2 messages/),
    });
    expect(third!.due_in_s).toBeGreaterThan(50);
    expect(await gateway.events(ids[2]!)).toEqual(['accepted', 'deferred 0']);
  });

  it('refuses at MAIL, where the credential wants it so, and charges nothing', async () => {
    await treat(`over_quota = 'reject'`);
    await setQuota();
    for (let i = 0; i < 2; i += 1) await gateway.submit('b@x.example');
    for (let i = 0; i < 3; i += 1) {
      expect(await ask('MAIL FROM:<a@x.example>')).toEqual([
        expect.stringMatching(/^452 4\.4\.5 Quota of 2 messages a minute .*retry after \d+ s$/),
      ]);
    }
    const [{ used }] = (await gateway.rows<{ used: number }>('select sum(used)::int as used from quota_usage')) as [
      { used: number },
    ];
    expect(used).toBe(2);
  });

  it('holds, where the credential wants it so, until a person lets go', async () => {
    await treat(`over_quota = 'hold'`);
    await setQuota();
    const ids = [];
    for (let i = 0; i < 3; i += 1) ids.push(await gateway.submit('b@x.example'));
    expect(await gateway.deliveries(ids[2]!)).toMatchObject([
      { state: 'held', reason: expect.stringMatching(/^over-quota: /), due_in_s: null },
    ]);
    expect(await gateway.events(ids[2]!)).toEqual(['accepted', 'held 0']);
  });

  it('is given back what a message was charged that turns out to be a repeat', async () => {
    await setQuota();
    const content = 'Message-ID: <quota-repeat@x>\r\n\r\nhello\r\n';
    const first = await gateway.submit('b@x.example', content);
    for (let i = 0; i < 5; i += 1) expect(await gateway.submit('b@x.example', content)).toBe(first);
    const second = await gateway.submit('b@x.example');
    await gateway.reaches(second, 'delivered');
  });
});

it('a suppressed recipient is refused at RCPT, where the credential wants it so', async () => {
  await gateway.rows(`insert into suppressions (address_key, reason) values ('gone@x.example', 'hard-bounce')`);
  await treat(`on_suppressed = 'reject'`);
  const replies = await ask('MAIL FROM:<a@x.example>', 'RCPT TO:<Gone@X.example>', 'RCPT TO:<b@x.example>');
  expect(replies[1]).toBe('550 5.7.1 recipient suppressed (hard-bounce)');
  expect(replies[2]).toMatch(/^250 /);
});

describe('authentication', () => {
  const strict = 'From: a@strict.example\r\nSubject: x\r\n\r\nhello\r\n';

  it('is noted: what receivers will make of it is kept with the message', async () => {
    const id = await gateway.submit('b@x.example', strict, 'a@strict.example');
    const [row] = await gateway.rows<{ authentication: { prediction: object } }>(
      'select authentication from messages where message_id = $1',
      id,
    );
    expect(row!.authentication.prediction).toMatchObject({ willPass: false, policy: 'reject', dkimAligned: false });
  });

  it('is enforced: what they would refuse is refused here, with the reason', async () => {
    await treat(`authentication = 'enforce'`);
    expect(await refusal(strict)).toMatch(/^550 5\.7\.26 DMARC policy of strict\.example is reject, .*sign as strict/);
  });

  it('is off: the DNS is not asked', async () => {
    await treat(`authentication = 'off'`);
    const before = dns.questions.length;
    const id = await gateway.submit('b@x.example', 'From: a@never-asked.example\r\n\r\nhello\r\n');
    await gateway.reaches(id, 'delivered');
    expect(dns.questions.length).toBe(before);
  });

  it('a thousand messages of one domain make a handful of look-ups', async () => {
    const before = dns.questions.length;
    const client = await SmtpClient.login(gateway.smtpPort, { user: USER, password: PASSWORD });
    for (let i = 0; i < 100; i += 1) {
      const answer = await client.submit('a@many.example', ['b@x.example'], `From: a@many.example\r\n\r\n${i}\r\n`);
      expect(answer).toMatch(/^250 /);
    }
    client.close();
    expect(dns.questions.length - before).toBeLessThan(8);
    await arrived(100);
  });

  it('somebody else’s Authentication-Results in our name are taken away, those of others stay', async () => {
    await gateway.submit(
      'b@x.example',
      'Authentication-Results: gateway.test; dkim=pass\r\nAuthentication-Results: other.test; dkim=pass\r\n\r\nx\r\n',
    );
    const [message] = await arrived();
    expect(message).not.toMatch(/gateway\.test; dkim=pass/);
    expect(message).toMatch(/Authentication-Results: other\.test; dkim=pass/);
  });
});
