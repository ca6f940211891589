// The commands against a gateway that runs, and against one that is stopped: what they print, and their exit codes.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postern, posternIn, printedJson, startPostern } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let database: TestDatabase;
let upstream: ScriptedUpstream;
let gateway: TestGateway;
let environment: Record<string, string>;
let dataDir: string;

beforeAll(async () => {
  database = await cloneDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'cli-'));
  upstream = await ScriptedUpstream.start({ rcpt: { 'nobody@x.example': '550 5.1.1 nobody' } });
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') }, { database });
  environment = {
    ...{ DATABASE_URL: database.url, POSTERN_DATA_DIR: dataDir, POSTERN_UPSTREAMS: upstream.url('name=main') },
    ...{ POSTERN_SMTP_PORT: `${gateway.smtpPort}`, POSTERN_HTTP_PORT: `${gateway.httpPort}` },
  };
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

const run = (...args: string[]) => postern(environment, ...args);
const json = (...args: string[]) => printedJson(run(...args, '--json'));

describe('message', () => {
  it('find, show and raw tell the whole story', async () => {
    const id = await gateway.submit(
      ['a@x.example', 'nobody@x.example'],
      'Subject: find me\r\nMessage-ID: <m1@x>\r\n\r\nbody\r\n',
    );
    await gateway.settled(id);
    const [found] = await json('message', 'find', '--to', 'NOBODY@x.example');
    expect(found).toMatchObject({
      messageId: id,
      subject: 'find me',
      deliveries: [{ state: 'delivered' }, { state: 'failed' }],
    });
    for (const filter of [
      ['--subject', 'FIND'],
      ['--message-id', '<m1@x>'],
      ['--from', 'sender@example.com'],
      ['--state', 'failed'],
      ['--to', '*@x.example'],
      ['--since', '1h'],
    ]) {
      expect((await json('message', 'find', ...filter)).map(message => message.messageId)).toEqual([id]);
    }
    expect(await json('message', 'find', '--before', id)).toEqual([]);
    expect((await run('message', 'find', '--limit', '1')).stdout).not.toContain('There is more');
    await gateway.settled(await gateway.submit('c@x.example'));
    const page = await run('message', 'find', '--limit', '1');
    const [, newest] = /^(\w{26}) .*\n\nThere is more: --before \1\n$/m.exec(page.stdout)!;
    expect((await json('message', 'find', '--before', newest!)).map(({ messageId }) => messageId)).toEqual([id]);

    const { stdout } = await run('message', 'show', id.toLowerCase());
    expect(stdout).toContain(`Message     ${id}`);
    expect(stdout).toMatch(
      /a@x\.example: delivered \(accepted-by-upstream\)\n {2}.* accepted\n {2}.*attempt 1 at main \(127\.0\.0\.1:\d+\): accepted after .*\n +250 2\.0\.0 ok queued\n +→ delivered: accepted-by-upstream/,
    );
    expect(stdout).toMatch(
      /nobody@x\.example: failed \(recipient-refused-at-rcpt\)\n.*\n.*refused at rcpt after .*\n +550 5\.1\.1 nobody\n +→ failed: recipient-refused-at-rcpt \(recipient-by-code\)/,
    );
    const raw = await run('message', 'raw', id);
    expect(raw.stdout).toMatch(/^Received: from client\.example [\s\S]*\r\n\r\nbody\r\n$/);
  });

  it('retry makes it due, and the gateway that runs takes it at once', async () => {
    const id = await gateway.submit('nobody@x.example');
    await gateway.reaches(id, 'failed');
    upstream.script = {};
    expect(await json('message', 'retry', id)).toEqual([{ messageId: id, deliveries: 1, beingTried: 0 }]);
    await gateway.reaches(id, 'delivered');
    expect(await gateway.events(id)).toEqual(['accepted', 'failed 0', 'retried 0', 'delivered 0']);
    const again = await run('message', 'retry', id);
    expect([again.code, again.stderr]).toEqual([1, `postern: nothing of ${id} waits, failed or expired\n`]);
  });

  it.each([
    [['message', 'show', '01HF7YAT00ABCDEFGHJKMNPQRS'], 1, 'postern: there is no message 01HF7YAT00ABCDEFGHJKMNPQRS'],
    [['message', 'raw', '01HF7YAT00ABCDEFGHJKMNPQRS'], 1, 'postern: there is no message'],
    [['message', 'show', 'x'], 2, 'postern: x is not a message id'],
    [['message', 'find', '--limit', '0'], 2, 'postern: --limit is a number from 1 to 10000, not 0'],
    [['message', 'find', '--since', 'noon'], 2, 'postern: --since noon'],
    [['message', 'find', '--state', 'lost'], 2, "error: option '--state <state>' argument 'lost' is invalid"],
    [['message', 'show'], 2, "error: missing required argument 'id'"],
    [['message', 'paint'], 2, 'error: unknown command'],
    [['nonsense'], 2, 'error: unknown command'],
    [['queue', 'status', '--yaml'], 2, "error: unknown option '--yaml'"],
  ])('%j: exit %i, %s', async (args, code, said) => {
    const outcome = await run(...args);
    expect(outcome.stderr).toContain(said);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).not.toMatch(/\n\s+at /);
  });
});

describe('credential', () => {
  it('add, list, rotate and remove: the gateway follows, secrets are shown once', async () => {
    const [added] = await json('credential', 'add', 'shop', '--from', 'shop.example', '--mode', 'capture');
    const client = await SmtpClient.login(gateway.smtpPort, { user: 'shop', password: added.password });
    expect(await client.ask('MAIL FROM:<a@other.example>')).toMatch(/^553 /);
    client.close();
    const listed = await run('credential', 'list');
    expect(listed.stdout).toMatch(/^shop +default +capture +shop\.example +\S+/m);
    expect(listed.stdout).not.toContain(added.password);
    const rows = await json('credential', 'list');
    expect(rows.find(row => row.name === 'shop')).toMatchObject({ mode: 'capture', fromDomains: ['shop.example'] });
    expect(JSON.stringify(rows)).not.toContain('hmac');

    const [rotated] = await json('credential', 'rotate', 'shop');
    await expect.poll(() => login('shop', added.password), { timeout: 10_000, interval: 500 }).toBe('refused');
    expect(await login('shop', rotated.password)).toBe('welcome');
    expect(await json('credential', 'remove', 'shop')).toEqual([{ name: 'shop', removed: true }]);
    await expect.poll(() => login('shop', rotated.password), { timeout: 10_000, interval: 500 }).toBe('refused');
  });

  it('set changes what is named and leaves the rest', async () => {
    await json('credential', 'add', 'clerk', '--from', 'clerk.example', '--over-quota', 'hold');
    const [changed] = await json('credential', 'set', 'clerk', '--network', '192.0.2.7', '2001:db8::/32');
    expect(changed).toMatchObject({ fromDomains: ['clerk.example'], overQuota: 'hold', authentication: 'observe' });
    expect(changed.networks).toEqual(['192.0.2.7/32', '2001:db8::/32']);
    expect(changed).not.toHaveProperty('secretHash');
    const [freed] = await json('credential', 'set', 'clerk', '--from', 'any', '--network', 'none');
    expect(freed).toMatchObject({ fromDomains: [], networks: [], overQuota: 'hold' });
    const listed = await run('credential', 'list');
    expect(listed.stdout).toMatch(/^clerk +default +default +any +never +over quota: hold$/m);
  });

  it.each([
    [['credential', 'set', 'app'], 2, 'say what to change'],
    [['credential', 'set', 'nobody', '--mode', 'live'], 1, 'there is no credential nobody'],
    [['credential', 'set', 'app', '--network', '10.0.0.1/8'], 2, 'is no network: did you mean 10.0.0.0/8?'],
    [['credential', 'set', 'app', '--network', 'home'], 2, 'home is no network'],
    [['credential', 'add', 'app'], 1, 'there is a credential app already'],
    [['credential', 'add', 'a b'], 2, 'a name has'],
    [['credential', 'add', 'x', '--from', 'not a domain'], 2, 'is no domain'],
    [['credential', 'add', 'x', '--tenant', 'nobody'], 1, 'there is no tenant nobody'],
    [['credential', 'add', 'x', '--mode', 'wild'], 2, 'error: option'],
    [['credential', 'rotate', 'nobody'], 1, 'there is no credential nobody'],
    [['credential', 'remove', 'nobody'], 1, 'there is no credential nobody'],
  ])('%j: exit %i, %s', async (args, code, said) => {
    const outcome = await run(...args);
    expect(outcome.stderr).toContain(said);
    expect(outcome.code).toBe(code);
  });
});

async function login(user: string, password: string): Promise<string> {
  return SmtpClient.login(gateway.smtpPort, { user, password }).then(
    client => {
      client.close();
      return 'welcome';
    },
    () => 'refused',
  );
}

describe('upstream, queue, send, doctor, migrate', () => {
  it('upstream list shows no password; test says whether mail would get there', async () => {
    const env = {
      ...environment,
      POSTERN_UPSTREAMS: `${environment.POSTERN_UPSTREAMS},smtp://u:hunter2@127.0.0.1:1?name=dead`,
    };
    const list = await postern(env, 'upstream', 'list');
    expect(list.stdout).toMatch(/^dead +127\.0\.0\.1:1 as u /m);
    expect(list.stdout + (await postern(env, 'upstream', 'list', '--json')).stdout).not.toContain('hunter2');
    const tested = await postern(env, 'upstream', 'test', '--json');
    expect(tested.code).toBe(1);
    expect(
      tested.stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toMatchObject([
      { name: 'main', ok: true },
      { name: 'dead', ok: false, detail: expect.stringContaining('ECONNREFUSED') },
    ]);
    expect((await postern(env, 'upstream', 'test', 'main')).code).toBe(0);
    expect(await postern(env, 'upstream', 'test', 'other')).toMatchObject({
      code: 1,
      stderr: 'postern: there is no upstream other\n',
    });
  });

  it('queue status counts what waits, and why', async () => {
    upstream.script = { rcpt: { '*': '450 4.7.1 greylisted' } };
    const id = await gateway.submit('grey@x.example');
    await gateway.settled(id);
    upstream.script = {};
    const [status] = await json('queue', 'status');
    expect(status).toMatchObject({
      queued: 1,
      due: 0,
      leased: 0,
      parked: 0,
      later: 1,
      reasons: [{ reason: 'recipient-deferred-at-rcpt', count: 1 }],
      dispatchers: [{ node: expect.any(String), seenAt: expect.any(String) }],
    });
    expect((await run('queue', 'status')).stdout).toMatch(
      /^1 queued: 0 due, 1 later, 0 being tried, 0 waiting for an upstream; the oldest since .*\n1 dispatcher at work: [\w-]+ since /,
    );
  });

  it('send submits a message with a credential that is gone afterwards', async () => {
    const before = (await json('credential', 'list')).length;
    const [sent] = await json('send', '--to', 'sent@x.example');
    await gateway.reaches(sent.messageId, 'delivered');
    expect(await json('credential', 'list')).toHaveLength(before);
    expect((await run('send')).code).toBe(2);
  });

  it.each([
    [['--to', 'x@x.example', '--from', 'banana'], 'postern: --from: banana is not an address'],
    [['--to', 'x@x.example', 'banana'], 'postern: --to: banana is not an address'],
    [['--to', 'x@x.example', '--user', 'app'], 'postern: --user needs --password, that of credential app'],
    [['--to', 'x@x.example', '--password', 'pw'], 'postern: --password needs --user'],
  ])('send %j: exit 2, %s', async (args, said) => {
    const outcome = await run('send', ...args);
    expect([outcome.code, outcome.stdout]).toEqual([2, '']);
    expect(outcome.stderr).toContain(said);
  });

  it('send leaves no credential behind: not by itself, and not for one that was killed', async () => {
    const passing = () => database.rows("select name from credentials where name like 'postern-send-%' order by name");
    await database.rows(
      `insert into credentials (credential_id, tenant_id, name, secret_hash, from_domains, created_at)
       values ('KILLED', 'default', 'postern-send-killed', 'x', '{}', now() - interval '1 hour'),
              ('YOUNG', 'default', 'postern-send-young', 'x', '{}', now()),
              ('OTHER', 'default', 'postern-send-of-an-app', 'x', '{}', now() - interval '1 hour')`,
    );
    const misled = await postern({ ...environment, POSTERN_SMTP_PORT: 'abc' }, 'send', '--to', 'x@x.example');
    expect([misled.code, (await passing()).length]).toEqual([2, 3]);
    await json('send', '--to', 'x@x.example');
    expect(await passing()).toEqual([{ name: 'postern-send-of-an-app' }, { name: 'postern-send-young' }]);
  });

  it('send that is interrupted takes its credential along', async () => {
    const silent = createNetServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const child = startPostern({ ...environment, POSTERN_SMTP_PORT: `${port}` }, ['send', '--to', 'x@x.example']);
    const [[socket]] = await Promise.all([once(silent, 'connection')]);
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([1, null]);
    socket.destroy();
    silent.close();
    expect(await database.rows("select 1 from credentials where name ~ '^postern-send-.{26}$'")).toEqual([]);
  });

  it('doctor finds all well, or says what to do and exits with 1', async () => {
    const findings = await json('doctor');
    expect(findings.map(({ check, ok }) => [check, ok])).toEqual([
      ['database', true],
      ['migrations', true],
      ['queue', true],
      ['upstream', true],
      ['gateway', true],
    ]);
    expect(findings.at(-1)!.detail).toMatch(/^takes mail /);
    const ill = await postern(
      {
        ...environment,
        POSTERN_UPSTREAMS: 'smtp://127.0.0.1:1?name=dead',
        POSTERN_TLS_CERT: '/no',
        POSTERN_TLS_KEY: '/no',
      },
      'doctor',
    );
    expect(ill.code).toBe(1);
    expect(ill.stdout).toMatch(/FAILED +upstream +dead: .*ECONNREFUSED.*\n +→ check host/);
    expect(ill.stdout).toMatch(/FAILED +TLS +\/no cannot be read/);
  });

  it('doctor tells a gateway that does not run from one that is ill', async () => {
    const ask = async (port: number) => {
      const { stdout } = await postern({ ...environment, POSTERN_HTTP_PORT: `${port}` }, 'doctor', '--json');
      return JSON.parse(stdout.trim().split('\n').at(-1)!);
    };
    const answer = { body: '' };
    const other = createServer((_request, response) => response.end(answer.body)).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    answer.body = '{"status":"not-ready","reason":"storage-full"}';
    expect(await ask(port)).toMatchObject({ check: 'gateway', ok: false, detail: 'takes no mail: storage-full' });
    answer.body = '<html>';
    expect(await ask(port)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('does not answer as a gateway'),
    });
    other.close();
    await once(other, 'close');
    expect(await ask(port)).toMatchObject({ ok: true, detail: 'does not run (`npm start`)' });
  });

  it('settings come from postern.yaml where the command is run, unless another file is named', async () => {
    await writeFile(join(dataDir, 'postern.yaml'), 'POSTERN_UPSTREAMS: smtp://127.0.0.1:1?name=from-the-file\n');
    await writeFile(join(dataDir, 'other.yaml'), 'POSTERN_UPSTREAMS: smtp://127.0.0.1:1?name=from-the-other\n');
    const list = async (changes: Record<string, string>) =>
      (await posternIn(dataDir, { POSTERN_CONFIG: '', ...changes }, 'upstream', 'list')).stdout;
    expect(await list({})).toMatch(/^from-the-file /m);
    expect(await list({ POSTERN_CONFIG: join(dataDir, 'other.yaml') })).toMatch(/^from-the-other /m);
    expect(await list({ POSTERN_UPSTREAMS: 'smtp://127.0.0.1:1?name=by-hand' })).toMatch(/^by-hand /m);
  });

  it('a setting that is wrong is told of, and ends only a command that needs it', async () => {
    const env = { ...environment, POSTERN_CONFIG: join(dataDir, 'wrong.yaml') };
    await writeFile(env.POSTERN_CONFIG, 'POSTERN_LIFETIMES:\n  - name: x\n    retry: often\n');
    const told = /^postern: a setting is wrong: POSTERN_LIFETIMES: .*\n/;
    const found = await postern(env, 'message', 'find');
    expect([found.code, found.stderr]).toEqual([0, expect.stringMatching(told)]);
    await writeFile(env.POSTERN_CONFIG, 'POSTERN_ROUTES:\n  - name: x\n');
    const routes = await postern(env, 'route', 'list');
    expect([routes.code, routes.stderr]).toEqual([
      2,
      expect.stringMatching(/^postern: .*\npostern: this command needs POSTERN_ROUTES, and cannot do without\n$/),
    ]);
    const doctor = await postern(env, 'doctor');
    expect([doctor.code, doctor.stderr]).toEqual([1, '']);
    expect(doctor.stdout).toMatch(/^FAILED {2}settings {5}POSTERN_ROUTES: .*\n.*\nok {6}database/);
  });

  it('migrate runs what is missing, once; before that commands say that there is nothing', async () => {
    const empty = await cloneDatabase({ empty: true });
    const env = { ...environment, DATABASE_URL: empty.url };
    const early = await postern(env, 'message', 'find');
    expect([early.code, early.stderr]).toEqual([
      1,
      'postern: the database is empty: run `npx postern start` or `npx postern migrate` first\n',
    ]);
    expect((await postern(env, 'migrate')).stdout).toMatch(/^Ran 0001_/);
    expect((await postern(env, 'migrate')).stdout).toBe('The database is up to date.\n');
    await empty.drop();
  });

  it('every command has --help, and exits with 0', async () => {
    const outcomes = await Promise.all(
      [['--help'], ['message', '--help'], ['credential', 'add', '--help'], ['--version']].map(args => run(...args)),
    );
    expect(outcomes.map(({ code, stdout }) => [code, stdout.length > 0])).toEqual(Array(4).fill([0, true]));
  });
});

describe('a start that cannot succeed', () => {
  it.each<[string, Record<string, string>, number, RegExp]>([
    [
      'bad settings: all at once',
      { POSTERN_SMTP_PORT: 'x', POSTERN_RETRY: 'y' },
      2,
      /^postern: 2 settings are wrong:\n {2}POSTERN_SMTP_PORT: .*\n {2}POSTERN_RETRY: .*\n$/,
    ],
    [
      'no such database',
      { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' },
      1,
      /^postern: PostgreSQL cannot be reached: .*ECONNREFUSED.*\n$/,
    ],
    [
      'the port is taken',
      { POSTERN_SMTP_PORT: 'TAKEN', POSTERN_HTTP_PORT: 'off' },
      1,
      /^postern: 127\.0\.0\.1:\d+ is in use by another program/m,
    ],
    [
      'no such address',
      { POSTERN_HOST: '192.0.2.1', POSTERN_SMTP_PORT: '0' },
      1,
      /^postern: 192\.0\.2\.1:\S* is no address of this machine/m,
    ],
    [
      'a data directory that is a file',
      { POSTERN_DATA_DIR: '/dev/null/x' },
      1,
      /^postern: cannot write to the data directory \/dev\/null\/x/m,
    ],
  ])('%s', async (_name, changes, code, said) => {
    const env = Object.fromEntries(
      Object.entries({ ...environment, POSTERN_LOG_LEVEL: 'silent', ...changes }).map(([name, value]) => [
        name,
        value === 'TAKEN' ? `${gateway.smtpPort}` : value,
      ]),
    );
    const outcome = await postern(env, 'start');
    expect(outcome.stderr).toMatch(said);
    expect(outcome.stderr).not.toMatch(/\n\s+at |hunter2/);
    expect(outcome.code).toBe(code);
  });
});

describe('with the gateway stopped', () => {
  it('the commands that talk to the database work all the same, send says what is wrong', async () => {
    const id = await gateway.submit('late@x.example');
    await gateway.reaches(id, 'delivered');
    await gateway.stop();
    expect((await json('message', 'find', '--to', 'late@x.example'))[0].messageId).toBe(id);
    expect((await json('queue', 'status'))[0]).toMatchObject({ queued: expect.any(Number), dispatchers: [] });
    expect((await run('queue', 'status')).stdout).toContain('\nno dispatcher at work\n');
    const sent = await run('send', '--to', 'x@x.example');
    expect([sent.code, sent.stderr]).toEqual([
      1,
      expect.stringMatching(/^postern: the gateway at 127\.0\.0\.1:\d+ did not take it: .*ECONNREFUSED/),
    ]);
  });
});
