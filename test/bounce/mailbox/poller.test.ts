// A bounce mailbox, read by the real poller over real sockets: each report once, other people's mail left alone, whatever
// the server or the network does meanwhile.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIngest } from '../../../bounce/ingest.ts';
import { type Poller, pollMailbox } from '../../../bounce/mailbox/poller.ts';
import { returnPath } from '../../../src/mail/verp.ts';
import { createLog } from '../../../src/platform/log.ts';
import { type MailboxSettings, parseMailboxUrl } from '../../../src/platform/mailbox-url.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { cloneDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { IMAP_PASSWORD, ImapServer } from '../../support/imap-server.ts';
import { dsn, letter, putSent } from '../../support/returned-mail.ts';

const DOMAIN = 'bounces.example.com';
const KEY = { id: 'K1', secret: Buffer.alloc(32, 7) };

let database: TestDatabase;
let server: ImapServer;
let pollers: Poller[] = [];
let lines: Record<string, unknown>[] = [];
beforeAll(async () => {
  database = await cloneDatabase();
});
beforeEach(async () => {
  await database.rows('truncate suppressions, reports, messages, mailboxes cascade');
  server = await ImapServer.start();
  lines = [];
});
afterEach(async () => {
  await Promise.all(pollers.map(poller => poller.stop()));
  pollers = [];
  await server.stop();
});
afterAll(() => database.drop());

function poll(url = server.url(), { timeoutMs = 10_000 } = {}): Poller {
  const { pool } = database;
  const log = createLog('debug', { write: line => void lines.push(JSON.parse(line)) });
  const metrics = createMetrics(async () => 0);
  const ring = { keys: [KEY], domain: DOMAIN };
  const ingest = createIngest({ ...{ pool, ring, suppressionsPerHour: 100_000, clock: Date.now }, log, metrics });
  const settings = parseMailboxUrl(url) as MailboxSettings;
  const poller = pollMailbox({ settings, pool, ingest, lookup: undefined, log, metrics, timeoutMs });
  pollers.push(poller);
  return poller;
}
let count = 0;
async function bounced(changes: Partial<Parameters<typeof dsn>[0]> = {}): Promise<Buffer> {
  count += 1;
  const recipient = `gone${count}@x.example`;
  const messageId = await putSent(database, { recipients: [recipient] });
  return dsn({ to: returnPath({ messageId, n: 0 }, DOMAIN, KEY, Date.now()), recipient, ...changes });
}
async function bounces(howMany: number): Promise<Buffer[]> {
  return Promise.all(Array.from({ length: howMany }, () => bounced()));
}
const recorded = async () => (await database.rows('select 1 from reports')).length;
const suppressed = async () => (await database.rows('select 1 from suppressions')).length;
const countedEvents = async () => (await database.rows(`select 1 from events where kind = 'bounced'`)).length;
const folder = (name: string) => server.folders.get(name)?.messages ?? [];
const toBe = (howMany: number) =>
  eventually(async () => {
    expect(await recorded()).toBe(howMany);
    expect(await suppressed()).toBe(howMany);
  });
const told = (event: string) => lines.filter(line => line.event === event);

describe('a mailbox', () => {
  it('has its reports recorded and moved, and people’s letters left unread where they are', async () => {
    server.deliver(letter(), await bounced(), letter(), await bounced());
    poll();
    await toBe(2);
    await eventually(() => expect(folder('Processed')).toHaveLength(2));
    expect(folder('INBOX').map(({ uid }) => uid)).toEqual([1, 3]);
    expect(folder('INBOX').every(({ flags }) => flags.size === 0)).toBe(true);
  });

  it('tells of new mail at once, by IDLE', async () => {
    poll(server.url('every=1h'));
    await eventually(() => expect(server.commands).toContain('IDLE'));
    server.deliver(await bounced());
    await toBe(1);
  });

  it('is looked at now and then where the server has no IDLE', async () => {
    server.script = { capabilities: 'IMAP4rev1 AUTH=PLAIN SASL-IR' };
    poll(server.url('every=1s'));
    await eventually(() => expect(server.connections).toBe(1));
    const message = await bounced();
    // Nobody is told.
    server.inbox.messages.push({ uid: 1, bytes: message, flags: new Set() });
    server.inbox.uidNext = 2;
    await toBe(1);
    // By COPY, STORE and EXPUNGE, since there is no MOVE either.
    await eventually(() => expect(folder('Processed')).toHaveLength(1));
  });

  it.each([
    ['flag', () => expect([...folder('INBOX')[0]!.flags]).toEqual(expect.arrayContaining(['\\Seen']))],
    ['delete', () => expect(folder('INBOX')).toHaveLength(0)],
  ])('with then=%s is kept in order that way', async (then, inOrder) => {
    server.script = { capabilities: 'IMAP4rev1 IDLE UIDPLUS MOVE AUTH=PLAIN SASL-IR' };
    server.deliver(await bounced());
    poll(server.url(`every=1s&then=${then}`));
    await toBe(1);
    await eventually(inOrder);
  });

  it('is taken up where the last run left off, without reading old letters again', async () => {
    server.deliver(letter(), await bounced());
    const first = poll();
    await toBe(1);
    await eventually(() => expect(folder('Processed')).toHaveLength(1));
    await eventually(async () =>
      expect(await database.rows('select last_uid from mailboxes')).toEqual([{ last_uid: 2 }]),
    );
    await first.stop();
    server.commands.length = 0;
    server.deliver(await bounced());
    poll();
    await toBe(2);
    const fetched = server.commands.filter(command => command.includes('BODY.PEEK'));
    expect(fetched.map(command => command.split(' ')[2])).toEqual(['3']);
  });

  it('that a run was killed over, between the commit and the move, is put in order by the next one', async () => {
    server.deliver(await bounced());
    const refuse = (command: string) => command.startsWith('UID MOVE');
    server.script = {
      intercept: (command, socket) => {
        if (refuse(command)) socket.destroy();
        return refuse(command);
      },
    };
    const first = poll();
    await toBe(1);
    await eventually(() => expect(server.commands.some(refuse)).toBe(true));
    await first.stop();
    expect(folder('INBOX')).toHaveLength(1);
    server.script = {};
    poll();
    await eventually(() => expect(folder('Processed')).toHaveLength(1));
    expect(await countedEvents()).toBe(1);
  });
});

describe('what happens meanwhile', () => {
  it('a broken connection is made again', async () => {
    poll();
    await eventually(() => expect(server.commands).toContain('IDLE'));
    server.breakConnections();
    server.deliver(await bounced());
    await toBe(1);
    expect(server.connections).toBeGreaterThan(1);
    await eventually(() => expect(told('mailbox-up')).toHaveLength(1));
  });

  it('a server that is away is waited for, and its trouble is noted without the password', async () => {
    await server.stop();
    poll();
    await eventually(async () =>
      expect(await database.rows('select trouble from mailboxes')).toMatchObject([
        { trouble: expect.stringMatching(/ECONNREFUSED/) },
      ]),
    );
    await server.listen();
    server.deliver(await bounced());
    await toBe(1);
    await eventually(async () =>
      expect(await database.rows('select trouble from mailboxes')).toEqual([{ trouble: null }]),
    );
  });

  it('a wrong password is told in words, and appears nowhere', async () => {
    poll(server.url('every=1s', 'bounces:wr0ng-Secret@'));
    await eventually(() => expect(told('mailbox-down')).not.toEqual([]));
    expect(told('mailbox-down')[0]).toMatchObject({ reason: expect.stringMatching(/^login refused/) });
    expect(JSON.stringify(lines)).not.toMatch(/wr0ng-Secret|imap-password/);
    expect(JSON.stringify(lines)).not.toContain(Buffer.from('wr0ng-Secret').toString('base64').slice(0, 12));
  });

  it('mail that somebody else takes away is no trouble', async () => {
    const messages = await bounces(3);
    server.deliver(...messages);
    server.script = {
      intercept: command => {
        // Between being asked for its size and for its bytes.
        if (command.includes('BODY.PEEK') && server.inbox.messages.some(({ uid }) => uid === 2)) server.expunge(2);
        return false;
      },
    };
    poll();
    await toBe(2);
    await eventually(() => expect(folder('Processed')).toHaveLength(2));
    expect(told('mailbox-down')).toEqual([]);
  });

  it('new numbers (UIDVALIDITY) have it read again from its start, and count nothing again', async () => {
    server.deliver(letter(), ...(await bounces(3)));
    poll(server.url('every=1s&then=flag'));
    await toBe(3);
    // The new mail gets a number that was read before; the two oldest are gone.
    server.inbox.messages.splice(0, 2);
    server.inbox.messages.push({ uid: 99, bytes: await bounced(), flags: new Set() });
    server.renumber();
    await toBe(4);
    expect(told('mailbox-reset')).toHaveLength(1);
    expect(await countedEvents()).toBe(4);
    await eventually(async () =>
      expect(await database.rows('select uid_validity, last_uid from mailboxes')).toEqual([
        { uid_validity: 8, last_uid: 3 },
      ]),
    );
  });

  it('of two processes one polls, and the other takes over', async () => {
    const first = poll();
    await eventually(() => expect(server.commands).toContain('IDLE'));
    poll();
    server.deliver(...(await bounces(5)));
    await toBe(5);
    expect(server.connections).toBe(1);
    await first.stop();
    server.deliver(await bounced());
    await toBe(6);
    expect(await countedEvents()).toBe(6);
  });
});

describe('a backlog', () => {
  it('of 1,000 is worked off in parts, each report once', async () => {
    const messages = await bounces(1_000);
    server.deliver(...messages);
    poll();
    await eventually(async () => expect(await recorded()).toBe(1_000), 60_000);
    await eventually(() => expect(folder('Processed')).toHaveLength(1_000), 60_000);
    expect(await countedEvents()).toBe(1_000);
    expect(await suppressed()).toBe(1_000);
    const asked = server.commands.filter(command => command.includes('BODY.PEEK'));
    expect(asked.length).toBeGreaterThanOrEqual(10);
  }, 120_000);
});

describe('a hostile server', () => {
  const goodMail = async () => {
    server.script = {};
    server.deliver(await bounced());
    await eventually(async () => expect(await recorded()).toBe(1), 30_000);
  };

  it('that announces a literal of a gigabyte is left', async () => {
    server.deliver(letter());
    server.script = {
      intercept: (command, socket) => {
        if (!command.includes('BODY.PEEK')) return false;
        socket.write('* 1 FETCH (UID 1 BODY[] {1000000000}\r\nxxxx');
        return true;
      },
    };
    poll();
    await eventually(() => expect(told('mailbox-down')).not.toEqual([]));
    await goodMail();
  });

  it('that sends a line without end is left, in bounded memory', async () => {
    server.script = {
      intercept: (command, socket) => {
        if (!command.startsWith('UID SEARCH')) return false;
        const pour = () => {
          if (!socket.destroyed) socket.write('1 '.repeat(50_000), () => setImmediate(pour));
        };
        socket.write('* SEARCH ');
        pour();
        return true;
      },
    };
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    poll();
    await eventually(() => expect(told('mailbox-down')).not.toEqual([]), 30_000);
    expect(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before).toBeLessThan(400_000_000);
    await goodMail();
  });

  it.each([
    ['says nothing at all', { greeting: '' }],
    ['falls silent after the login', { intercept: (command: string) => command.startsWith('SELECT') }],
    ['falls silent in the middle of a message', { intercept: (command: string) => command.includes('BODY.PEEK') }],
  ])('that %s is left after a while', async (_what, script) => {
    server.script = script;
    server.deliver(letter());
    poll(server.url(), { timeoutMs: 500 });
    await eventually(() => expect(told('mailbox-down')).not.toEqual([]));
    await goodMail();
  });

  it('that chatters for ever without an answer is left after a while', async () => {
    server.script = {
      intercept: (command, socket) => {
        if (!command.startsWith('UID SEARCH')) return false;
        const chatter = setInterval(() => socket.write('* OK still here\r\n'), 20);
        socket.on('close', () => clearInterval(chatter));
        return true;
      },
    };
    poll(server.url(), { timeoutMs: 500 });
    await eventually(() =>
      expect(told('mailbox-down')[0]).toMatchObject({ reason: expect.stringContaining('took longer than') }),
    );
    await goodMail();
  });

  it('that tells of mail of 40 MB is not asked for it, and the rest is read', async () => {
    server.deliver(letter());
    server.script = { toldSize: 40_000_000 };
    poll();
    await eventually(() => expect(told('report-too-large')).not.toEqual([]));
    expect(server.commands.filter(command => command.includes('BODY.PEEK'))).toEqual([]);
    await goodMail();
  });
});

describe('XOAUTH2', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'token-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('logs in with the access token in the file, which is read again each time', async () => {
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, 'stale-token\n');
    server.tokens.add('fresh-token');
    server.deliver(await bounced());
    poll(server.url(`every=1s&auth=xoauth2&tokenFile=${encodeURIComponent(tokenFile)}`, 'bounces@'));
    await eventually(() => expect(told('mailbox-down')).not.toEqual([]));
    await writeFile(tokenFile, 'fresh-token\n');
    await toBe(1);
    expect(JSON.stringify(lines)).not.toMatch(/stale-token|fresh-token/);
  });
});

it('the password is in no line of the log', async () => {
  server.deliver(letter(), await bounced());
  poll();
  await toBe(1);
  expect(JSON.stringify(lines)).not.toContain(IMAP_PASSWORD);
});
