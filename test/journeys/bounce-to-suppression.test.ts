// The whole way, with programs that nobody here wrote: mail leaves through Debian's Postfix, the next host does not know
// the recipient, Postfix's report falls into a mailbox of Debian's Dovecot, and is fetched, tied, counted and acted upon.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postern } from '../support/command-line.ts';
import { type Dovecot, startDovecot } from '../support/dovecot.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { startPostfix } from '../support/postfix.ts';
import { has, unlessInstalled } from '../support/programs.ts';
import { dsn } from '../support/returned-mail.ts';
import { ALL_EXTENSIONS, ScriptedUpstream } from '../support/upstream.ts';

const DOMAIN = 'bounces.example.com';
const isRoot = process.getuid?.() === 0;
const why =
  unlessInstalled('dovecot') || unlessInstalled('postfix') || (isRoot ? '' : ' (skipped: Postfix needs root)');

describe.skipIf(!has('dovecot') || !has('postfix') || !isRoot)(`Postfix and Dovecot${why}`, () => {
  let next: ScriptedUpstream;
  let dovecot: Dovecot;
  let postfix: Awaited<ReturnType<typeof startPostfix>>;
  let gateway: TestGateway;
  let environment: Record<string, string>;

  beforeAll(async () => {
    next = await ScriptedUpstream.start({
      extensions: ALL_EXTENSIONS,
      rcpt: {
        'gone@x.example': '550 5.1.1 <gone@x.example>: Recipient address rejected: User unknown',
        'full@x.example': '552 5.2.2 <full@x.example>: mailbox is full, over quota',
        '*': '250 2.1.5 ok',
      },
    });
    dovecot = await startDovecot();
    postfix = await startPostfix({ nextPort: next.port, bounceDomain: DOMAIN, mailbox: dovecot });
    environment = {
      POSTERN_ROLES: 'all',
      POSTERN_UPSTREAMS: `smtp://127.0.0.1:${postfix.port}?name=smarthost`,
      POSTERN_RETURN_PATH_DOMAIN: DOMAIN,
      POSTERN_BOUNCE_MAILBOXES: dovecot.url(),
    };
    gateway = await startTestGateway(environment);
    environment = { ...environment, DATABASE_URL: gateway.database.url, POSTERN_DATA_DIR: gateway.dataDir };
  });
  afterAll(async () => {
    await gateway?.end();
    await postfix?.stop();
    await dovecot?.stop();
    await next?.stop();
  });

  const reason = (messageId: string) =>
    eventually(async () => {
      const [told] = await gateway.rows<{ reason: string }>(
        `select data ->> 'reason' as reason from events where kind = 'bounced' and message_id = $1`,
        messageId,
      );
      expect(told).toBeDefined();
      return told!.reason;
    }, 25_000);

  it('suppress who is not there: timeline, evidence, and the next message skipped', async () => {
    const id = await gateway.submit(['gone@x.example', 'alive@x.example']);
    await gateway.reaches(id, 'delivered');
    expect(await reason(id)).toBe('no_mailbox');
    const shown = await postern(environment, 'message', 'show', id);
    expect(shown.stdout).toMatch(/bounced: no_mailbox, hard \(rule [\w.-]+\)/);
    expect(shown.stdout).toMatch(/report \w{26}, tied by our signed return path, for this recipient/);
    expect(shown.stdout).toContain('→ suppressed: address-is-bad: no_mailbox');
    const listed = await postern(environment, 'suppression', 'list');
    expect(listed.stdout).toMatch(/^gone@x\.example +hard-bounce .* report \w{26}: .*User unknown.* \(rule /m);
    expect(listed.stdout).not.toContain('alive@');
    const again = await gateway.submit(['gone@x.example', 'alive@x.example']);
    await gateway.reaches(again, 'suppressed', 'delivered');
    expect((await gateway.deliveries(again)).map(({ state }) => state)).toEqual(['suppressed', 'delivered']);
    await eventually(async () => expect(await dovecot.count('Processed')).toBe(1));
    expect(await dovecot.count()).toBe(0);
  });

  it('do not suppress whose mailbox is full', async () => {
    const id = await gateway.submit('full@x.example');
    expect(await reason(id)).toBe('mailbox_full');
    const again = await gateway.submit('full@x.example');
    await gateway.reaches(again, 'delivered');
    const listed = await postern(environment, 'bounce', 'list', '--to', 'full@*');
    expect(listed.stdout).toMatch(
      /mailbox_full .* yes +strike \(mailbox-fails: mailbox_full, strike 1 of 3 in 14 days\)/,
    );
  });

  it('do not suppress anybody for a forged report, which is shown', async () => {
    const id = await gateway.submit('alive@x.example', 'Message-ID: <known@app.example>\r\nSubject: x\r\n\r\nx\r\n');
    await gateway.reaches(id, 'delivered');
    await dovecot.deliver(
      dsn({ to: `b+forged@${DOMAIN}`, recipient: 'alive@x.example', messageId: 'known@app.example' }),
    );
    await eventually(async () => expect(await gateway.events(id)).toContain('report-unproven 0'), 25_000);
    const shown = await postern(environment, 'message', 'show', id);
    expect(shown.stdout).toContain('a report that proves nothing: failed, no_mailbox');
    await gateway.reaches(await gateway.submit('alive@x.example'), 'delivered');
  });

  it('are looked at by doctor, and read up to where the table says', async () => {
    const doctor = await postern(environment, 'doctor');
    expect(doctor.stdout).toMatch(/ok +mailbox +bounces@127\.0\.0\.1\/INBOX: \d+ messages, in clear/);
    const mailboxes = await postern(environment, 'bounce', 'mailboxes');
    expect(mailboxes.stdout).toMatch(/bounces@127\.0\.0\.1\/INBOX .* well/);
  });
});
