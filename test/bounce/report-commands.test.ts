// `postern bounce …` as people run it: what came in, what was done, what waits for them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { returnPath } from '../../src/mail/verp.ts';
import { loadReturnPathKeys } from '../../src/platform/return-path-key.ts';
import { postern } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { dsn, letter, putSent } from '../support/returned-mail.ts';

const DOMAIN = 'bounces.example.com';
let database: TestDatabase;
let dataDir: string;
const run = (...args: string[]) => runWith({}, ...args);
const runWith = (env: Record<string, string>, ...args: string[]) =>
  postern(
    { DATABASE_URL: database.url, POSTERN_DATA_DIR: dataDir, POSTERN_RETURN_PATH_DOMAIN: DOMAIN, ...env },
    ...args,
  );

beforeAll(async () => {
  database = await cloneDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'commands-'));
});
beforeEach(() => database.rows('truncate suppressions, reports, messages, mailboxes, bounce_alarms cascade'));
afterAll(async () => {
  await database.drop();
  await rm(dataDir, { recursive: true });
});

/** A file with a report about a message of ours. */
async function reportAbout(recipient: string, changes: Partial<Parameters<typeof dsn>[0]> = {}) {
  const messageId = await putSent(database, { recipients: [recipient] });
  const [key] = await loadReturnPathKeys(dataDir, null);
  const to = returnPath({ messageId, n: 0 }, DOMAIN, key!, Date.now());
  const file = join(dataDir, `${recipient}.eml`);
  await writeFile(file, dsn({ to, recipient, ...changes }));
  return { messageId, file };
}

describe('postern bounce', () => {
  it('ingest takes a file as if it had come to a mailbox, and the same one once', async () => {
    const { file, messageId } = await reportAbout('gone@x.example');
    const first = await run('bounce', 'ingest', file);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/recorded as \w{26}\n {2}gone@x\.example: no_mailbox; our signed return path/);
    expect((await run('bounce', 'ingest', file)).stdout).toMatch(/known as \w{26}/);
    const timeline = await run('message', 'show', messageId);
    expect(timeline.stdout).toMatch(/gone@x\.example suppressed as hard-bounce: address-is-bad: no_mailbox/);
    expect(timeline.stdout).toMatch(/bounced: no_mailbox, hard \(rule [\w.-]+\)\n.*User unknown/);
  });

  it('ingest says what it did not take, and that a file is not there', async () => {
    await writeFile(join(dataDir, 'letter.eml'), letter());
    const { stdout, stderr, code } = await run('bounce', 'ingest', join(dataDir, 'letter.eml'), '/nowhere/x.eml');
    expect(stdout).toContain('ordinary mail, not recorded');
    expect(stderr).toMatch(/x\.eml: ENOENT/);
    expect(code).toBe(1);
  });

  it('list, show and show --raw tell what is known of a report', async () => {
    const { file } = await reportAbout('gone@x.example');
    const { stdout } = await run('bounce', 'ingest', file, '--json');
    const { reportId } = JSON.parse(stdout);
    const listed = await run('bounce', 'list', '--to', '*@x.example');
    expect(listed.stdout).toMatch(new RegExp(`${reportId} .* gone@x\\.example +no_mailbox, hard .* yes +suppressed`));
    expect((await run('bounce', 'list', '--to', 'nobody@*')).stdout).toBe('No reports.\n');
    const shown = await run('bounce', 'show', reportId);
    expect(shown.stdout).toMatch(/tied by +our signed return path, for this recipient \(proven\)/);
    expect(shown.stdout).toMatch(/done +suppressed: address-is-bad: no_mailbox/);
    expect((await run('bounce', 'show', reportId, '--raw')).stdout).toContain(
      'Final-Recipient: rfc822; gone@x.example',
    );
    expect(await run('bounce', 'show', '01KAR2Z4X0FQ3ZC4M8Y5T6V7W8')).toMatchObject({ code: 1 });
    expect(await run('bounce', 'show', 'x')).toMatchObject({ code: 2, stderr: expect.stringContaining('not the id') });
  });

  it('waiting, apply and discard leave to a person what came beyond the limit', async () => {
    const limit = { POSTERN_SUPPRESSIONS_PER_HOUR: '1' };
    for (const who of ['a', 'b', 'c']) {
      const { file } = await reportAbout(`${who}@x.example`);
      await runWith(limit, 'bounce', 'ingest', file);
    }
    const waiting = await run('bounce', 'waiting');
    expect(waiting.stdout).toMatch(/b@x\.example +hard-bounce +address-is-bad: no_mailbox/);
    expect(await run('bounce', 'apply')).toMatchObject({ code: 2, stderr: 'postern: name an address, or say --all\n' });
    expect((await run('bounce', 'discard', 'b@x.example')).stdout).toBe('Discarded 1.\n');
    expect((await run('bounce', 'apply', '--all')).stdout).toBe('Suppressed 1.\n');
    expect((await run('bounce', 'waiting')).stdout).toBe('Nothing waits.\n');
    const rows = await database.rows('select address_key from suppressions order by 1');
    expect(rows).toEqual([{ address_key: 'a@x.example' }, { address_key: 'c@x.example' }]);
    expect(await run('bounce', 'apply', '--all')).toMatchObject({ code: 1 });
  });

  it('mailboxes says which have been read, and which have not', async () => {
    await database.rows(
      `insert into mailboxes (mailbox, uid_validity, last_uid, trouble, trouble_at)
       values ('old@imap.example/INBOX', 7, 12, 'login refused', now())`,
    );
    const named = { POSTERN_BOUNCE_MAILBOXES: 'imaps://new:secret@imap.example' };
    const { stdout } = await runWith(named, 'bounce', 'mailboxes');
    expect(stdout).toMatch(/old@imap\.example\/INBOX .* 12 of 7 +since .*: login refused/);
    expect(stdout).toMatch(/new@imap\.example\/INBOX .* not read yet/);
    expect(stdout).not.toContain('secret');
  });

  it('words of strangers do not drive the terminal', async () => {
    const { file } = await reportAbout('gone@x.example', {
      diagnostic: 'smtp; 550 5.1.1 \u001b[2J\u009b2Jno such user',
    });
    const { stdout } = await run('bounce', 'ingest', file, '--json');
    const shown = await run('bounce', 'show', JSON.parse(stdout).reportId);
    expect(shown.stdout).toContain('no such user');
    expect(shown.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

it('doctor says what is wrong with a bounce mailbox, and exits with 1', async () => {
  const named = { POSTERN_BOUNCE_MAILBOXES: 'imap://bounces:s3cret@127.0.0.1:1/INBOX?tls=none' };
  const { stdout, code } = await runWith(named, 'doctor');
  expect(stdout).toMatch(/FAILED +mailbox +bounces@127\.0\.0\.1\/INBOX: .*ECONNREFUSED/);
  expect(stdout).toContain('POSTERN_BOUNCE_MAILBOXES');
  expect(stdout).not.toContain('s3cret');
  expect(code).toBe(1);
});
