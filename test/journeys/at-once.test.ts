// So many messages at the same time, of one credential or to one domain: what is beyond that waits out of the way of
// everybody else's, and comes as soon as there is room.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { hashToken, newToken } from '../../src/platform/secret.ts';
import { addCredential } from '../../src/store/credentials.ts';
import { type NewQuota, putQuota, removeQuota } from '../../src/store/quotas.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

const PASSWORD = newToken();
let upstream: ScriptedUpstream;
let database: TestDatabase;
let gateway: TestGateway;

beforeAll(async () => {
  database = await cloneDatabase();
  for (const name of ['greedy', 'modest']) {
    const secretHash = hashToken(PASSWORD);
    await addCredential(database.db, { credentialId: name, tenantId: 'default', name, secretHash });
  }
});
afterAll(() => database.drop());
afterEach(async () => {
  await gateway.end();
  await upstream.stop();
  await database.rows('truncate messages, quotas cascade');
});

const ANYBODY = { credentialId: null, tenantId: null, stream: null, recipientDomain: null } as const;

async function start(scope: Partial<NewQuota>, limit: number): Promise<number> {
  const quotaId = await putQuota(database.db, { ...ANYBODY, ...scope, counts: 'messages', limit, windowMs: null });
  upstream = await ScriptedUpstream.start({ mail: 'HANG' });
  const env = { POSTERN_UPSTREAMS: upstream.url('name=main&connections=8'), POSTERN_UPSTREAM_TIMEOUT: '60s' };
  gateway = await startTestGateway(env, { database });
  return quotaId;
}

async function submit(user: string, ...recipients: string[][]): Promise<void> {
  const client = await gateway.login({ user, password: PASSWORD });
  for (const to of recipients) {
    expect(await client.submit(`${user}@example.com`, to, 'Subject: x\r\n\r\nx\r\n')).toMatch(/^250/);
  }
  client.close();
}

const many = (count: number) => Array.from({ length: count }, (_, i) => [`a${i}@example.net`]);

/** Transactions that the upstream leaves waiting for an answer to MAIL. */
const hanging = (user: string) =>
  upstream.conversations.filter(lines => lines.at(-1)!.startsWith(`MAIL FROM:<${user}@`)).length;

const waiting = () =>
  gateway.rows<{ reason: string; recipient: string }>(
    `select reason, recipient from deliveries where state = 'queued' and lease_holder is null order by message_id`,
  );

/** The upstream answers from now on; what it kept waiting is due again at once. */
async function release(): Promise<void> {
  upstream.script.mail = '250 2.1.0 ok';
  upstream.disconnect();
  await eventually(async () => {
    await gateway.rows(
      `update deliveries set due_at = now() where state = 'queued' and attempt > uncounted and lease_holder is null`,
    );
    expect(await gateway.rows(`select 1 from deliveries where state <> 'delivered'`)).toHaveLength(0);
  }, 60_000);
}

it('a credential with too much mail leaves the places beyond its limit to others', async () => {
  await start({ credentialId: 'greedy' }, 2);
  await submit('greedy', ...many(40));
  await submit('modest', ...many(5));
  await eventually(async () => expect([hanging('greedy'), hanging('modest')]).toEqual([2, 5]));
  const waits = await waiting();
  expect(waits.length).toBeGreaterThan(20);
  expect(new Set(waits.map(({ reason }) => reason))).toEqual(
    new Set(['at-once: 2 messages at once (credential greedy)']),
  );

  await release();
  const tries = await gateway.rows<{ opened: number; ended: number }>(
    `select extract(epoch from opened_at)::float8 as opened, extract(epoch from ended_at)::float8 as ended
     from attempts join messages using (message_id) where credential_name = 'greedy' and result = 'accepted'`,
  );
  expect(tries).toHaveLength(40);
  const together = tries.map(
    ({ opened: at }) => tries.filter(({ opened, ended }) => opened <= at && at < ended).length,
  );
  expect(Math.max(...together)).toBeLessThanOrEqual(2);
}, 90_000);

it('a domain with too much mail holds up no other recipient of the same message', async () => {
  await start({ recipientDomain: 'slow.example' }, 1);
  await submit('modest', ['a@slow.example'], ['b@slow.example', 'b@quick.example']);
  await eventually(async () => expect(hanging('modest')).toBe(2));
  const tried = await gateway.rows(
    `select recipient from attempts join deliveries using (message_id, n) where ended_at is null order by recipient`,
  );
  expect(tried).toEqual([{ recipient: 'a@slow.example' }, { recipient: 'b@quick.example' }]);
  await release();
}, 90_000);

it('without its limit all of it goes, and so it does at once with a higher one', async () => {
  const quotaId = await start({ stream: 'transactional' }, 1);
  await submit('greedy', ...many(30));
  await eventually(async () => expect((await waiting()).length).toBeGreaterThan(10));
  expect(hanging('greedy')).toBe(1);
  await putQuota(database.db, { ...ANYBODY, stream: 'transactional', counts: 'messages', limit: 3, windowMs: null });
  await eventually(async () => expect(hanging('greedy')).toBe(3));
  await removeQuota(database.db, quotaId);
  await eventually(async () => expect(hanging('greedy')).toBe(8));
  await eventually(async () => expect(await waiting()).toEqual([]));
  await release();
}, 90_000);

it('several dispatchers share it', async () => {
  const inAnHour = `now() + interval '1 hour'`;
  await database.rows(`insert into dispatchers (holder, node, seen_at) values ('other:1', 'other', ${inAnHour})`);
  await start({ credentialId: 'greedy' }, 4);
  await submit('greedy', ...many(20));
  await eventually(async () => expect(hanging('greedy')).toBe(2));
  expect((await waiting()).length).toBeGreaterThan(5);
  await release();
}, 90_000);
