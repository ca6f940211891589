// `postern explain` as people use it: nothing runs but the database, and nothing is stored, charged or sent.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCredential } from '../../src/store/credentials.ts';
import { postern } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let environment: Record<string, string>;

beforeAll(async () => {
  database = await cloneDatabase();
  environment = { DATABASE_URL: database.url, POSTERN_UPSTREAMS: 'smtp://127.0.0.1:1?name=main,smtp://127.0.0.1:2' };
  const treatment = { fromDomains: ['shop.example'], authentication: 'off', networks: ['10.1.0.0/16'] } as const;
  await addCredential(database.db, {
    ...{ credentialId: 'id', tenantId: 'default', name: 'shop', secretHash: 'x', ...treatment },
  });
});
afterAll(() => database.drop());

const command = (...args: string[]) => postern(environment, ...args);
const explain = (...args: string[]) => command('explain', '--from', 'a@shop.example', '--to', 'b@x.example', ...args);
/** The lines below the table, by their titles. */
function rows(stdout: string): Record<string, string> {
  const lines = [...stdout.matchAll(/^([A-Z][a-z]+(?: [a-z]+)?) +(.*(?:\n {12}.*)*)$/gm)];
  return Object.fromEntries(lines.map(([, title, text]) => [title, text!]));
}

describe('explain', () => {
  it('says what becomes of a message that would be taken, and exits with 0', async () => {
    const { code, stdout, stderr } = await explain();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Mail of a@shop\.example by credential shop \(live, transactional\)\n/);
    expect(stdout).toMatch(/^MAIL +envelope sender +ok +<a@shop\.example>; allowed: shop\.example$/m);
    expect(rows(stdout)).toMatchObject({
      Recipients: 'b@x.example: to be delivered',
      Route: 'main, then 127.0.0.1',
      Answer: '250 2.6.0 queued as <id>  (to DATA)',
    });
  });

  it('says which check refuses a message, with the reply, and exits with 1', async () => {
    const { code, stdout } = await explain('--header-from', 'Boss <ceo@other.example>');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^DATA +author +no +550 5\.7\.1 From <ceo@other\.example> not authorised/m);
    const told = rows(stdout);
    expect(told.Answer).toBe(
      '550 5.7.1 From <ceo@other.example> not authorised for credential shop  (to DATA, author-not-authorised)',
    );
    expect([told.Recipients, told.Route]).toEqual([undefined, undefined]);
  });

  it('tells what control fields ask for', async () => {
    const { stdout } = await explain(
      ...['--header', 'X-PM-Tag: welcome', 'X-PM-Message-Stream: broadcast', 'X-Postern-Metadata-Order: 1042'],
      ...['X-Postern-Max-Age: 2h', 'X-Postern-Idempotency-Key: order-1042', 'X-Postern-Track: none'],
    );
    expect(stdout).toMatch(/^Mail of .* \(live, bulk\)\n/);
    expect(rows(stdout)['Asks for']).toBe(
      'tags welcome; metadata order=1042; tried for 2h; idempotency key order-1042; track nothing',
    );
  });

  it('says that a suppressed recipient is left out, and the others are not', async () => {
    await command('suppression', 'add', 'gone@x.example', '--reason', 'hard-bounce');
    const { code, stdout } = await explain('gone@x.example');
    expect(code).toBe(0);
    expect(rows(stdout).Recipients).toBe(
      'b@x.example: to be delivered\n            gone@x.example: suppressed, never tried (hard-bounce)',
    );
    await command('credential', 'set', 'shop', '--on-suppressed', 'reject');
    const alone = await command('explain', '--from', 'a@shop.example', '--to', 'gone@x.example');
    expect(alone.code).toBe(1);
    expect(rows(alone.stdout)).toMatchObject({
      Recipients: 'gone@x.example: refused (recipient suppressed (hard-bounce))',
      Answer: '550 5.7.1 recipient suppressed (hard-bounce)  (to RCPT, recipient-suppressed)',
    });
  });

  it.each([
    ['defer', 0, 'it is taken, and waits for its turn', /^250 /],
    ['hold', 0, 'it is taken, and held until it is released', /^250 /],
    ['reject', 1, 'it is refused until then', /^452 4\.4\.5 .*\(to MAIL, over-quota\)$/],
  ])('beyond a quota that says %s', async (overQuota, exit, becomes, answer) => {
    await command('quota', 'set', '--credential', 'shop', '--messages', '1', '--per', 'hour');
    await database.rows(
      `insert into quota_usage
       select quota_id, floor(extract(epoch from now()) * 1000 / bucket_ms), 1 from quotas on conflict do nothing`,
    );
    await command('credential', 'set', 'shop', '--over-quota', overQuota);
    const { code, stdout } = await explain();
    expect(code).toBe(exit);
    expect(rows(stdout).Quotas).toMatch(/^1 message an hour \(credential shop\): used up until 20\S+ [\d:]{8}; /);
    expect(rows(stdout).Quotas).toContain(becomes);
    expect(rows(stdout).Answer).toMatch(answer);
    await command('quota', 'remove', `${(await database.rows('select quota_id from quotas'))[0]!.quota_id}`);
  });

  it('knows who needs no login', async () => {
    expect((await explain('--without-login-from', '10.1.2.3')).code).toBe(0);
    const stranger = await explain('--without-login-from', '10.2.0.1');
    expect(stranger).toMatchObject({ code: 1, stdout: '' });
    expect(stranger.stderr).toBe(
      'postern: 10.2.0.1 would get 530 5.7.0 Authentication required: credential shop has 10.1.0.0/16 ' +
        '(`npx postern credential set shop --network 10.2.0.1` adds it)\n',
    );
  });

  it.each([
    [['--without-login-from', 'home'], 2, 'postern: home is no address (example: --without-login-from 10.1.2.3)'],
    [['--header', 'no field'], 2, 'no field is no header field'],
    [['--message', '/no/such/file'], 1, '/no/such/file cannot be read'],
    [['--credential', 'nobody'], 1, 'there is no credential nobody'],
  ])('%j: exit %i, %s', async (args, code, said) => {
    const outcome = await explain(...args);
    expect(outcome.stderr).toContain(said);
    expect(outcome.code).toBe(code);
  });

  it('asks whose mail it is where there are several', async () => {
    await command('credential', 'add', 'press');
    const { code, stderr } = await explain();
    expect([code, stderr]).toEqual([1, expect.stringContaining('with --credential (press, shop)')]);
  });

  it('does not ask where a network tells, as it tells the gateway', async () => {
    const trusted = await explain('--without-login-from', '10.1.2.3');
    expect(trusted).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Mail of .* by credential shop /) });
    await command('credential', 'set', 'press', '--network', '10.1.2.0/24');
    expect((await explain('--without-login-from', '10.1.2.3')).stdout).toMatch(/^Mail of .* by credential press /);
    expect(await explain('--without-login-from', '10.2.0.1')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^postern: 10\.2\.0\.1 would get 530 .*: no credential has that network \(/),
    });
  });
});
