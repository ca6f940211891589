// What a credential is treated like: control fields, quotas, suppressed recipients, authentication and signatures, over
// SMTP and up to what arrives.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashPassword } from '../../src/platform/secret.ts';
import { addCredential, removeCredential, setSecret, type Treatment } from '../../src/store/credentials.ts';
import { putQuota } from '../../src/store/quotas.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { type NameServer, startNameServer } from '../support/dns.ts';
import { eventually } from '../support/eventually.ts';
import { PASSWORD, startTestGateway, type TestGateway, USER } from '../support/gateway.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let dns: NameServer;
let database: TestDatabase;
let gateway: TestGateway;

/** One credential for each treatment, made before the gateway starts: it remembers rows for two seconds. */
const TREATMENTS: Record<string, Treatment> = {
  deaf: { controlHeaders: false },
  refused: { overQuota: 'reject' },
  told: { onSuppressed: 'reject' },
  held: { overQuota: 'hold' },
  paced: {},
  repeating: {},
  enforcing: { authentication: 'enforce' },
  unobserved: { authentication: 'off' },
};

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  dns = await startNameServer({
    'strict.example': { TXT: ['v=spf1 -all'] },
    '_dmarc.strict.example': { TXT: ['v=DMARC1; p=reject'] },
  });
  database = await cloneDatabase();
  for (const [name, treatment] of Object.entries(TREATMENTS)) {
    const credential = { credentialId: name, tenantId: 'default', name, secretHash: await hashPassword(PASSWORD) };
    await addCredential(database.db, { ...credential, ...treatment });
  }
  for (const credentialId of ['refused', 'held', 'paced', 'repeating']) {
    const scope = { credentialId, tenantId: null, stream: null, recipientDomain: null };
    await putQuota(database.db, { ...scope, counts: 'messages', limit: 2, windowMs: 60_000 });
  }
  gateway = await startTestGateway(
    { POSTERN_UPSTREAMS: upstream.url('name=main'), POSTERN_DNS_SERVERS: dns.address },
    { database },
  );
});
beforeEach(() => {
  upstream.messages.length = 0;
});
afterAll(async () => {
  await gateway.end();
  await database.drop();
  await upstream.stop();
  await dns.stop();
});

/** Submits as that credential; the id. */
async function submitAs(user: string, content = 'Subject: x\r\n\r\nhello\r\n', from = 'a@x.example'): Promise<string> {
  const client = await SmtpClient.login(gateway.smtpPort, { user, password: PASSWORD });
  const answer = await client.submit(from, ['b@x.example'], content);
  client.close();
  return /^250 2\.6\.0 queued as (\w{26})$/.exec(answer)?.[1] ?? answer;
}

async function ask(user: string, ...commands: string[]): Promise<string[]> {
  const client = await SmtpClient.login(gateway.smtpPort, { user, password: PASSWORD });
  const replies: string[] = [];
  for (const command of commands) replies.push(await client.ask(command));
  client.close();
  return replies;
}

async function refusal(user: string, content: string, from = 'a@strict.example'): Promise<string> {
  const replies = await ask(user, `MAIL FROM:<${from}>`, 'RCPT TO:<b@x.example>', 'DATA', `${content}\r\n.`);
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
    const id = await submitAs('deaf', content.replace('bulk', 'nonsense'));
    expect((await arrived())[0]).not.toMatch(/X-Postern|X-PM|X-Mailgun/i);
    expect(await gateway.rows('select tags, metadata, stream from messages where message_id = $1', id)).toMatchObject([
      { tags: [], metadata: null, stream: 'transactional' },
    ]);
  });

  it('that cannot be understood are refused in words', async () => {
    expect(await refusal(USER, 'From: a@x.example\r\nX-Postern-Send-At: soon\r\n\r\n', 'a@x.example')).toMatch(
      /^550 5\.6\.0 X-Postern-Send-At .+/,
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
      USER,
      ...['MAIL FROM:<a@x.example>', 'RCPT TO:<other@x.example>', 'DATA', `${content('one')}.`],
    );
    expect(answer).toMatch(new RegExp(`^550 5\\.6\\.0 .*${first}`));
    expect(await arrived()).toHaveLength(1);
  });
});

describe('a session that is kept', () => {
  const login = async (name: string, treatment: Treatment = {}) => {
    const credential = { credentialId: name, tenantId: 'default', name, secretHash: await hashPassword(PASSWORD) };
    await addCredential(database.db, { ...credential, ...treatment });
    const client = await SmtpClient.login(gateway.smtpPort, { user: name, password: PASSWORD });
    expect(await client.submit('a@x.example', ['b@x.example'], 'Subject: x\r\n\r\nhello\r\n')).toMatch(/^250 /);
    return client;
  };
  /** What MAIL is answered with, two seconds later at most. */
  const soon = (client: SmtpClient, answer: RegExp) =>
    eventually(async () => {
      const said = await client.ask('MAIL FROM:<a@x.example>');
      if (said.startsWith('250')) await client.ask('RSET');
      expect(said).toMatch(answer);
    });

  it('ends when its credential is removed', async () => {
    const client = await login('leaked');
    await removeCredential(database.db, 'leaked');
    await soon(client, /^421 4\.7\.0 Credential was changed or removed/);
    await client.ended();
  });

  it('ends when its credential has another secret', async () => {
    const client = await login('rotated');
    await setSecret(database.db, 'rotated', await hashPassword('another one'));
    await soon(client, /^421 4\.7\.0 /);
  });

  it('is treated as its credential is now', async () => {
    const client = await login('narrowed');
    await gateway.rows(`update credentials set from_domains = '{y.example}' where name = 'narrowed'`);
    await soon(client, /^553 5\.7\.1 <a@x\.example> is not a sender of credential narrowed$/);
    client.close();
  });
});

describe('a quota of two a minute', () => {
  it('paces: the third is taken and waits for its turn', async () => {
    const ids = [];
    for (let i = 0; i < 3; i += 1) ids.push(await submitAs('paced'));
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
    for (let i = 0; i < 2; i += 1) await submitAs('refused');
    for (let i = 0; i < 3; i += 1) {
      expect(await ask('refused', 'MAIL FROM:<a@x.example>')).toEqual([
        expect.stringMatching(/^452 4\.4\.5 Quota of 2 messages a minute .*retry after \d+ s$/),
      ]);
    }
    const used = await gateway.rows(
      `select sum(used)::int as used from quota_usage join quotas using (quota_id) where credential_id = 'refused'`,
    );
    expect(used).toEqual([{ used: 2 }]);
  });

  it('holds, where the credential wants it so, until a person lets go', async () => {
    const ids = [];
    for (let i = 0; i < 3; i += 1) ids.push(await submitAs('held'));
    expect(await gateway.deliveries(ids[2]!)).toMatchObject([
      { state: 'held', reason: expect.stringMatching(/^over-quota: /), due_in_s: null },
    ]);
    expect(await gateway.events(ids[2]!)).toEqual(['accepted', 'held 0']);
  });

  it('is given back what a message was charged that turns out to be a repeat', async () => {
    const content = 'Message-ID: <quota-repeat@x>\r\n\r\nhello\r\n';
    const first = await submitAs('repeating', content);
    for (let i = 0; i < 5; i += 1) expect(await submitAs('repeating', content)).toBe(first);
    const second = await submitAs('repeating');
    await gateway.reaches(second, 'delivered');
  });
});

it('a suppressed recipient is refused at RCPT, where the credential wants it so', async () => {
  await gateway.rows(`insert into suppressions (address_key, reason) values ('gone@x.example', 'hard-bounce')`);
  const replies = await ask('told', 'MAIL FROM:<a@x.example>', 'RCPT TO:<Gone@X.example>', 'RCPT TO:<b@x.example>');
  expect(replies[1]).toBe('550 5.7.1 recipient suppressed (hard-bounce)');
  expect(replies[2]).toMatch(/^250 /);
  expect(gateway.lines.filter(line => line.event === 'refused')).toContainEqual(
    expect.objectContaining({ identity: 'told', smtpCode: 550, enhancedStatus: '5.7.1' }),
  );
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
    expect(await refusal('enforcing', strict)).toMatch(
      /^550 5\.7\.26 DMARC policy of strict\.example is reject, .*sign as strict/,
    );
  });

  it('is off: the DNS is not asked', async () => {
    const before = dns.questions.length;
    const id = await submitAs('unobserved', 'From: a@never-asked.example\r\n\r\nhello\r\n');
    await gateway.reaches(id, 'delivered');
    expect(dns.questions.length).toBe(before);
  });

  it('a hundred messages of one domain make a handful of look-ups', async () => {
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
