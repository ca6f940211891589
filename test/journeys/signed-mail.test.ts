// Mail of a domain with keys leaves with two signatures that others verify, whatever we put in front and take away.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DnsRecord } from '../../relay/index.ts';
import { hashPassword } from '../../src/platform/secret.ts';
import { addCredential } from '../../src/store/credentials.ts';
import { byDkimpy, byMailauth, type Zone } from '../relay/signing/verifiers.ts';
import { postern } from '../support/command-line.ts';
import { type NameServer, startNameServer } from '../support/dns.ts';
import { eventually } from '../support/eventually.ts';
import { PASSWORD, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { has, unlessInstalled } from '../support/programs.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

const BOTH = ['rsa-sha256 pass', 'ed25519-sha256 pass'];
const CONTENT =
  'X-Postern-Tag: welcome\r\nFrom: Shop <shop@example.com>\r\nSubject: your\r\n order\r\nTo: b@x.example\r\n' +
  'Authentication-Results: gateway.test; dkim=pass\r\n\r\nhello \t\r\n.\r\n\r\n\r\n';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let dns: NameServer;
let zone: Zone;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  dns = await startNameServer({});
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: upstream.url('name=main'),
    POSTERN_DNS_SERVERS: dns.address,
  });
  const environment = { DATABASE_URL: gateway.database.url, POSTERN_DATA_DIR: gateway.dataDir };
  const added = await postern(environment, 'domain', 'add', 'example.com', '--json');
  const { keys } = JSON.parse(added.stdout);
  zone = Object.fromEntries(keys.map(({ record }: { record: DnsRecord }) => [record.name, record.value]));
  dns.zone = Object.fromEntries(Object.entries(zone).map(([name, value]) => [name, { TXT: [value] }]));
  expect((await postern(environment, 'domain', 'dkim', 'example.com', '--now')).code).toBe(0);
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
  await dns.stop();
});

/** What arrives: keys are followed within two seconds, so the first ones may be unsigned. */
async function arriving(content: string): Promise<Buffer> {
  return eventually(async () => {
    const id = await gateway.submit('b@x.example', content);
    await gateway.reaches(id, 'delivered');
    const message = upstream.messages.at(-1)!.content;
    expect(message.toString()).toMatch(/^DKIM-Signature: /);
    return message;
  });
}

it('two signatures verify on what arrives, and nothing of ours is in it', async () => {
  const message = await arriving(CONTENT);
  expect(await byMailauth(message, zone)).toEqual(BOTH);
  expect(message.toString()).not.toMatch(/X-Postern|gateway\.test; dkim/);
  expect(message.toString().match(/^DKIM-Signature:/gm)).toHaveLength(2);
  expect(message.toString().match(/^Message-ID:/gm)).toHaveLength(1);
});

it.skipIf(!has('dkimverify'))(`and at dkimpy, too${unlessInstalled('dkimverify')}`, async () => {
  expect(byDkimpy(await arriving(CONTENT), zone, 2)).toEqual(BOTH);
});

it('a valid signature of the same domain is left alone', async () => {
  const signed = await arriving(CONTENT);
  const id = await gateway.submit('b@x.example', signed);
  await gateway.reaches(id, 'delivered');
  const again = upstream.messages.at(-1)!.content;
  expect(again.toString().match(/^DKIM-Signature:/gm)).toHaveLength(2);
  expect(again.toString()).toMatch(/^Authentication-Results: gateway\.test;\r\n\tdkim=pass header\.d=example\.com /);
  expect(await byMailauth(again, zone)).toEqual(BOTH);
});

it('mail of another domain is not signed', async () => {
  const id = await gateway.submit('b@x.example', 'From: a@other.example\r\n\r\nhello\r\n');
  await gateway.reaches(id, 'delivered');
  expect(upstream.messages.at(-1)!.content.toString()).toMatch(/^Received: /);
});

it('mail whose keys do not open is not taken, and costs no room in a quota', async () => {
  const environment = { DATABASE_URL: gateway.database.url, POSTERN_DATA_DIR: gateway.dataDir };
  for (const args of [
    ['domain', 'add', 'locked.example'],
    ['domain', 'dkim', 'locked.example', '--now'],
    ['quota', 'set', '--tenant', 'default', '--messages', '1000', '--per', 'hour'],
  ])
    expect(await postern(environment, ...args)).toMatchObject({ code: 0 });
  await gateway.rows(
    `update dkim_keys set sealed_private_key = sealed_private_key || 'x' where domain = 'locked.example'`,
  );
  const used = async () => {
    const [row] = await gateway.rows<{ used: number }>('select coalesce(sum(used), 0)::int as used from quota_usage');
    return row!.used;
  };
  await eventually(async () => {
    await gateway.submit('b@x.example', 'From: a@other.example\r\n\r\nhello\r\n');
    expect(await used()).toBeGreaterThan(0);
  });
  // With authentication off nobody looks at the keys before they are needed.
  const unexamined = {
    credentialId: 'off',
    tenantId: 'default',
    name: 'off',
    secretHash: await hashPassword(PASSWORD),
  };
  await addCredential(gateway.database.db, { ...unexamined, authentication: 'off' });
  const client = await gateway.login({ user: 'off', password: PASSWORD });
  const content = 'From: a@locked.example\r\n\r\nhello\r\n';
  const submit = () => client.submit('a@locked.example', ['b@x.example'], content);
  // Keys are followed within two seconds.
  await eventually(async () => expect(await submit()).toMatch(/^451 4\.3\.0 /));
  const before = await used();
  expect(await submit()).toMatch(/^451 4\.3\.0 /);
  client.close();
  expect(await used()).toBe(before);
});

it('under another secret key it says so at the start, and takes no mail of that domain', async () => {
  const other = await startTestGateway(
    { POSTERN_UPSTREAMS: upstream.url('name=main'), POSTERN_SECRET_KEY: 'ab'.repeat(32) },
    { database: gateway.database },
  );
  expect(other.lines.filter(line => line.event === 'keys-do-not-open')).toHaveLength(1);
  await expect(other.submit('b@x.example', 'From: shop@example.com\r\n\r\nhello\r\n')).rejects.toThrow('451 4.3.0');
  expect(other.lines.filter(line => line.event === 'deferred')).toMatchObject([{ rule: 'keys-do-not-open' }]);
  await other.submit('b@x.example', 'From: shop@other.example\r\n\r\nhello\r\n');
  await other.end();
});
