// `postern quota …`: quotas as an operator sets and sees them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addCredential } from '../../src/store/credentials.ts';
import { postern, printedJson } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
  await addCredential(database.db, { credentialId: 'id', tenantId: 'default', name: 'app', secretHash: 'x' });
});
afterAll(() => database.drop());

const run = (...args: string[]) => postern({ DATABASE_URL: database.url }, 'quota', ...args);
const json = (...args: string[]) => printedJson(run(...args, '--json'));

it('set makes a quota or changes its limit, list shows how it stands, remove takes it away', async () => {
  const made = await run('set', '--credential', 'app', '--messages', '5', '--per', 'minute');
  expect(made).toEqual({ code: 0, stderr: '', stdout: 'Quota 1: 5 messages a minute (credential app).\n' });
  const [other] = await json(
    'set',
    '--stream',
    'bulk',
    '--recipient-domain',
    'GMail.com',
    '--recipients',
    '10',
    '--per',
    '15m',
  );
  expect(other).toMatchObject({ quotaId: 2, recipientDomain: 'gmail.com', windowMs: 900_000, limit: 10 });
  expect(other.quota).toBe('10 recipients every 15 minutes (stream bulk, to gmail.com)');
  const changed = await run('set', '--credential', 'app', '--messages', '8', '--per', '60s');
  expect(changed.stdout).toBe('Quota 1: 8 messages a minute (credential app).\n');

  await database.rows(
    `insert into quota_usage
     select quota_id, floor(extract(epoch from now()) * 1000 / bucket_ms) + later, used
     from quotas cross join (values (-1000, 7), (-1, 2), (0, 1), (100, 4)) as u (later, used) where quota_id = 1`,
  );
  const { stdout } = await run('list');
  expect(stdout).toMatch(/^ID +LIMIT +OF +USED NOW +WAITING\n/);
  expect(stdout).toMatch(
    /^1 +8 messages a minute +credential app +\[####\.{6}\] 3 \(38 %\) +4, the last one until 20\S+ \S+$/m,
  );
  expect(stdout).toMatch(/^2 +10 recipients every 15 minutes +stream bulk, to gmail\.com +\[\.{10}\] 0 \(0 %\) +-$/m);
  expect(await json('list')).toMatchObject([
    { quotaId: 1, used: 3, waiting: 4 },
    { used: 0, waitingUntil: null },
  ]);

  expect((await run('remove', '1')).stdout).toBe('Removed quota 1: 8 messages a minute (credential app).\n');
  expect(await json('remove', '2')).toEqual([{ quotaId: 2, removed: true }]);
  expect(await json('list')).toEqual([]);
});

it('set --at-once makes a quota without a window, list shows what waits for room', async () => {
  const made = await run('set', '--credential', 'app', '--at-once', '5');
  expect(made.stdout).toMatch(/^Quota (\d+): 5 messages at once \(credential app\)\.\n$/);
  const changed = await run('set', '--credential', 'app', '--at-once', '1');
  const quotaId = /^Quota (\d+): 1 message at once/.exec(changed.stdout)![1]!;
  await database.rows(
    `insert into messages (message_id, tenant_id, credential_id, credential_name, stream, body, smtp_utf8, trace_header,
                           size, remote_address, accepted_at, expires_at, omitted, tags)
     values ('m', 'default', 'id', 'app', 'bulk', '7BIT', false, '', 1, '', now(), now(), '{}', '{}')`,
  );
  await database.rows(
    `insert into deliveries (message_id, n, recipient, recipient_key, state, attempt, due_at, parked, stream, waits_for, begins_at)
     select 'm', n, 'a', 'a', 'queued', 0, now(), false, 'bulk', 'busy:quota ' || $1, now() from generate_series(1, 3) as n`,
    quotaId,
  );
  expect((await run('list')).stdout).toMatch(/^\d+ +1 message at once +credential app +- +3$/m);
  expect(await json('list')).toMatchObject([{ windowMs: null, used: null, waiting: 3 }]);
  expect((await run('remove', quotaId)).stdout).toMatch(
    /^Removed quota \d+: 1 message at once \(credential app\)\.\n$/,
  );
});

const FIVE_A_MINUTE = ['--messages', '5', '--per', 'minute'];

it.each([
  [['set', ...FIVE_A_MINUTE], 2, 'postern: say whose mail: --credential, --tenant, --stream or --recipient-domain'],
  [['set', '--credential', 'nobody', ...FIVE_A_MINUTE], 1, 'postern: there is no credential nobody\n'],
  [['set', '--tenant', 'nobody', ...FIVE_A_MINUTE], 1, 'postern: there is no tenant nobody\n'],
  [['set', '--credential', 'app', '--tenant', 'x', ...FIVE_A_MINUTE], 1, 'credential app is of tenant default'],
  [['set', '--stream', 'fast', ...FIVE_A_MINUTE], 2, "argument 'fast' is invalid"],
  [['set', '--recipient-domain', 'a b', ...FIVE_A_MINUTE], 2, 'postern: a b is no domain (example:'],
  [['set', '--stream', 'bulk', '--per', 'minute'], 2, 'postern: say how much: --messages, --recipients or --at-once'],
  [['set', '--stream', 'bulk', '--recipients', '5', ...FIVE_A_MINUTE], 2, 'postern: say how much'],
  [['set', '--stream', 'bulk', '--messages', '0', '--per', 'day'], 2, '--messages 0 is no whole number from 1 to'],
  [['set', '--stream', 'bulk', '--messages', '1e3', '--per', 'day'], 2, '--messages 1e3 is no whole number'],
  [['set', '--stream', 'bulk', '--recipients', '1000000001', '--per', 'day'], 2, 'from 1 to 1000000000\n'],
  [['set', '--stream', 'bulk', '--messages', '5', '--per', 'year'], 2, '--per year is none of second, minute, hour'],
  [['set', '--stream', 'bulk', '--messages', '5', '--per', '10ms'], 2, 'a window has between a second and 31 days'],
  [['set', '--stream', 'bulk', '--messages', '5', '--per', '32d'], 2, 'a window has between a second and 31 days'],
  [
    ['set', '--stream', 'bulk', '--messages', '5'],
    2,
    'postern: say in which time: --per (example: --messages 5 --per minute)',
  ],
  [
    ['set', '--stream', 'bulk', '--at-once', '5', '--per', 'day'],
    2,
    'postern: --at-once is at any time: without --per',
  ],
  [['set', '--stream', 'bulk', '--at-once', '0'], 2, '--at-once 0 is no whole number from 1 to'],
  [['remove', '7'], 1, 'postern: there is no quota 7\n'],
  [['remove', 'x'], 2, 'postern: x is no id of a quota'],
])('%j: exit %i, %s', async (args, code, said) => {
  const outcome = await run(...args);
  expect(outcome.stderr).toContain(said);
  expect(outcome.code).toBe(code);
  expect(outcome.stderr).not.toMatch(/\n\s+at /);
});
