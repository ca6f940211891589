// The SMTP door on the wire: what a client sees, and what is handed to `submit`.

import { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reply } from '../../../src/mail/reply.ts';
import { ByteBudget } from '../../../src/platform/byte-budget.ts';
import { eventually } from '../../support/eventually.ts';
import { ID, startTestListener, type TestListener } from '../../support/listener.ts';
import { base64, plain, SmtpClient } from '../../support/smtp-client.ts';

let door: TestListener;
const clients: SmtpClient[] = [];

beforeAll(async () => {
  door = await startTestListener();
});
afterAll(() => door.stop(1));
beforeEach(() => {
  door.submissions.length = 0;
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function kept(client: SmtpClient): SmtpClient {
  clients.push(client);
  return client;
}
const connected = async () => kept(await SmtpClient.connect(door.smtpPort));
const helloed = async () => kept(await door.hello());
const loggedIn = async (user = 'app') => kept(await door.login({ user, password: `${user}-password` }));
const inTransaction = async () => {
  const client = await loggedIn();
  await client.ask('MAIL FROM:<a@b.example>');
  await client.ask('RCPT TO:<c@d.example>');
  return client;
};

/** Counts what the server on this port hands to the system; the reader may see several writes as one. */
function countWrites(port: number): () => number {
  const { _write, _writev } = Socket.prototype;
  let count = 0;
  const counting = <Args extends unknown[]>(write: (...args: Args) => void) =>
    function (this: Socket, ...args: Args) {
      if (this.localPort === port) count += 1;
      return write.apply(this, args);
    };
  Socket.prototype._write = counting(_write);
  Socket.prototype._writev = counting(_writev!);
  return () => {
    Object.assign(Socket.prototype, { _write, _writev });
    return count;
  };
}

describe('the greeting', () => {
  it('comes at once, with the name and without an enhanced code (RFC 2034 section 3)', async () => {
    expect(await (await connected()).reply()).toBe('220 gateway.test ESMTP');
  });

  it('waits for no timer between connection and greeting', async () => {
    const waits: number[] = [];
    const original = globalThis.setTimeout;
    globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
      waits.push(Number(args[1]));
      return original(...args);
    }) as typeof setTimeout;
    try {
      const client = await connected();
      await client.reply();
    } finally {
      globalThis.setTimeout = original;
    }
    // The client's own deadline is the only one; smtp-server's early talker test would be 100.
    expect(waits.filter(ms => ms < 5_000)).toEqual([]);
  });

  it('is 421 beyond the largest number of sessions', async () => {
    const fortyOf = (host: number) => Array.from({ length: 40 }, () => `127.0.1.${host}`);
    const addresses = Array.from({ length: 25 }, (_, host) => fortyOf(host + 1)).flat();
    const clientsThere = await Promise.all(addresses.map(from => SmtpClient.connect(door.smtpPort, { from })));
    try {
      for (const client of clientsThere) expect(await client.reply()).toMatch(/^220 /);
      const late = await connected();
      expect(await late.reply()).toBe('421 4.7.0 Too many sessions, try again later');
      await late.ended();
    } finally {
      for (const client of clientsThere) client.close();
    }
    await eventually(async () => {
      const client = await connected();
      expect(await client.reply()).toMatch(/^220 /);
    });
  });
});

describe('EHLO (RFC 5321 section 4.1.1.1)', () => {
  it('offers exactly what we do, AUTH on loopback too', async () => {
    const client = await connected();
    await client.reply();
    expect((await client.ask('EHLO client.example')).split('\n')).toEqual([
      '250-gateway.test greets client.example',
      '250-PIPELINING',
      '250-SIZE 1000000',
      '250-8BITMIME',
      '250-SMTPUTF8',
      '250-ENHANCEDSTATUSCODES',
      '250-DSN',
      '250-STARTTLS',
      '250 AUTH PLAIN LOGIN',
    ]);
  });

  it('offers no STARTTLS within TLS, and no AUTH to whoever is logged in', async () => {
    const client = await helloed();
    await client.startTls();
    expect(await client.ask('EHLO client.example')).not.toContain('STARTTLS');
    await client.ask(`AUTH PLAIN ${plain('app', 'app-password')}`);
    expect(await client.ask('EHLO client.example')).not.toContain('AUTH');
  });

  it.each(['EHLO', 'EHLO ', 'EHLO a b', 'HELO'])('%j is answered 501', async command => {
    const client = await connected();
    await client.reply();
    expect(await client.ask(command)).toMatch(/^501 5\.5\.4 /);
  });

  it('HELO is answered in one line', async () => {
    const client = await connected();
    await client.reply();
    expect(await client.ask('HELO client.example')).toBe('250 gateway.test greets client.example');
  });

  it('ends the transaction that there was (section 4.1.4)', async () => {
    const client = await inTransaction();
    await client.ask('EHLO client.example');
    expect(await client.ask('DATA')).toMatch(/^503 5\.5\.1 /);
  });
});

describe('commands out of order', () => {
  it('before EHLO are answered 503', async () => {
    const client = await connected();
    await client.reply();
    for (const command of ['MAIL FROM:<a@b.example>', 'RCPT TO:<a@b.example>', 'DATA', 'AUTH PLAIN']) {
      expect(await client.ask(command)).toMatch(/^503 5\.5\.1 /);
    }
  });

  it('without AUTH are answered 530', async () => {
    const client = await helloed();
    for (const command of ['MAIL FROM:<a@b.example>', 'RCPT TO:<a@b.example>', 'DATA']) {
      expect(await client.ask(command)).toBe('530 5.7.0 Authentication required');
    }
  });

  it('within the session are answered 503, and DATA without a recipient 554', async () => {
    const client = await loggedIn();
    expect(await client.ask('RCPT TO:<c@d.example>')).toMatch(/^503 5\.5\.1 /);
    expect(await client.ask('DATA')).toMatch(/^503 5\.5\.1 /);
    await client.ask('MAIL FROM:<a@b.example>');
    expect(await client.ask('MAIL FROM:<a@b.example>')).toMatch(/^503 5\.5\.1 /);
    expect(await client.ask('DATA')).toBe('554 5.5.1 No valid recipients');
    expect(await client.ask('AUTH PLAIN')).toMatch(/^503 5\.5\.1 /);
  });

  it('RSET, NOOP, VRFY, HELP and QUIT are answered as the standard says', async () => {
    const client = await inTransaction();
    expect(await client.ask('NOOP')).toMatch(/^250 2\.0\.0 /);
    expect(await client.ask('VRFY c@d.example')).toMatch(/^252 2\.5\.0 /);
    expect(await client.ask('HELP')).toMatch(/^214 2\.0\.0 /);
    expect(await client.ask('RSET')).toMatch(/^250 2\.0\.0 /);
    expect(await client.ask('DATA')).toMatch(/^503 /);
    expect(await client.ask('QUIT')).toMatch(/^221 2\.0\.0 /);
    await client.ended();
  });

  it('end with 421 when there are too many of them', async () => {
    const client = await loggedIn();
    for (let i = 1; i < 20; i += 1) expect(await client.ask('MAIL FROM:x')).toMatch(/^501 /);
    expect(await client.ask('MAIL FROM:x')).toBe('421 4.7.0 Too many errors');
    await client.ended();
  });

  it('HTTP is sent away', async () => {
    const client = await connected();
    await client.reply();
    expect(await client.ask('POST / HTTP/1.1')).toMatch(/^421 /);
    await client.ended();
  });
});

describe('AUTH (RFC 4954)', () => {
  it.each([
    ['PLAIN with its response', [`AUTH PLAIN ${plain('app', 'app-password')}`]],
    ['PLAIN with itself as authorization identity', [`AUTH PLAIN ${plain('app', 'app-password', 'app')}`]],
    ['PLAIN in two lines', ['AUTH PLAIN', plain('app', 'app-password')]],
    ['LOGIN', ['AUTH LOGIN', base64('app'), base64('app-password')]],
    ['LOGIN with the user in its line', [`AUTH LOGIN ${base64('app')}`, base64('app-password')]],
    ['in lower case', ['auth plain', plain('app', 'app-password')]],
  ])('%s', async (_name, lines) => {
    const client = await helloed();
    for (const line of lines.slice(0, -1)) expect(await client.ask(line)).toMatch(/^334/);
    expect(await client.ask(lines.at(-1)!)).toMatch(/^235 2\.7\.0 /);
    expect(await client.ask('MAIL FROM:<a@b.example>')).toMatch(/^250 2\.1\.0 /);
  });

  it.each([
    ['a wrong password', `AUTH PLAIN ${plain('app', 'wrong')}`],
    ['an unknown user', `AUTH PLAIN ${plain('nobody', 'app-password')}`],
    ['an empty password', `AUTH PLAIN ${plain('app', '')}`],
    ['another authorization identity', `AUTH PLAIN ${plain('app', 'app-password', 'other')}`],
  ])('%s gets the one answer there is', async (_name, command) => {
    const client = await helloed();
    expect(await client.ask(command)).toBe('535 5.7.8 Authentication failed');
    expect(await client.ask('MAIL FROM:<a@b.example>')).toMatch(/^530 /);
  });

  it.each([
    ['an unknown mechanism', 'AUTH CRAM-MD5', '504 5.5.4'],
    ['no mechanism', 'AUTH', '501 5.5.4'],
    ['an odd mechanism', 'AUTH constructor', '504 5.5.4'],
    ['a response that is none', 'AUTH PLAIN YWJj', '501 5.5.4'],
    ['a response that is no base64', 'AUTH PLAIN !!!!', '501 5.5.2'],
    ['too many words', 'AUTH PLAIN YWJj b', '501 5.5.4'],
  ])('%s is answered', async (_name, command, expected) => {
    expect(await (await helloed()).ask(command)).toMatch(new RegExp(`^${expected.replaceAll('.', '\\.')} `));
  });

  it('may be given up with * (section 4)', async () => {
    const client = await helloed();
    await client.ask('AUTH LOGIN');
    expect(await client.ask('*')).toMatch(/^501 /);
    expect(await client.ask('NOOP')).toMatch(/^250 /);
  });

  it('twice is answered 503', async () => {
    const client = await loggedIn();
    expect(await client.ask(`AUTH PLAIN ${plain('app', 'app-password')}`)).toMatch(/^503 5\.5\.1 /);
  });

  it('is over after five failures in a session (THREATS 6)', async () => {
    const client = await helloed();
    for (let i = 1; i < 5; i += 1) expect(await client.ask(`AUTH PLAIN ${plain('app', 'no')}`)).toMatch(/^535 /);
    expect(await client.ask(`AUTH PLAIN ${plain('app', 'no')}`)).toBe('421 4.7.0 Too many failed logins');
    await client.ended();
  });

  it('takes a line of 12,288 octets, other commands do not (section 4)', async () => {
    const client = await helloed();
    expect(await client.ask(`AUTH PLAIN ${'A'.repeat(12_000)}`)).toMatch(/^(535|501) /);
    expect(await client.ask(`NOOP ${'A'.repeat(2_100)}`)).toMatch(/^500 5\.5\.6 /);
  });

  it('leaves no password in the log, as it is or encoded (THREATS 32)', async () => {
    await loggedIn();
    const client = await helloed();
    await client.ask(`AUTH PLAIN ${plain('app', 'wrong-secret-word')}`);
    const log = door.lines.join('');
    for (const secret of ['app-password', 'wrong-secret-word', base64('app-password'), plain('app', 'app-password')]) {
      expect(log).not.toContain(secret);
    }
  });
});

describe('AUTH where encryption is required', () => {
  let strict: TestListener;
  beforeAll(async () => {
    strict = await startTestListener({ insecureAuth: 'never' });
  });
  afterAll(() => strict.stop(1));

  it('is neither offered nor taken in clear, but within STARTTLS', async () => {
    const client = kept(await strict.hello());
    expect(await client.ask('EHLO client.example')).not.toContain('AUTH');
    expect(await client.ask(`AUTH PLAIN ${plain('app', 'app-password')}`)).toBe(
      '538 5.7.11 Encryption required: STARTTLS first',
    );
    await client.startTls();
    expect(await client.ask('EHLO client.example')).toContain('250 AUTH PLAIN LOGIN');
    expect(await client.ask(`AUTH PLAIN ${plain('app', 'app-password')}`)).toMatch(/^235 /);
  });

  it('works with implicit TLS (RFC 8314)', async () => {
    const client = kept(await strict.hello(strict.smtpsPort, { tls: {} }));
    expect(await client.ask(`AUTH PLAIN ${plain('app', 'app-password')}`)).toMatch(/^235 /);
    expect(await client.submit('a@b.example', ['c@d.example'], 'x\r\n')).toBe(`250 2.6.0 queued as ${ID}`);
    expect(strict.submissions[0]!.session.protocol).toBe('ESMTPSA');
  });
});

describe('TLS', () => {
  it('is 1.2 or newer (THREATS 4)', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const client = kept(
        await SmtpClient.connect(door.smtpsPort, { tls: { minVersion: version, maxVersion: version } }),
      );
      expect(client.protocol).toBe(version);
    }
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(SmtpClient.connect(door.smtpsPort, { tls: old })).rejects.toThrow();
    const client = await helloed();
    await client.ask('STARTTLS');
    await expect(client.handshake(old)).rejects.toThrow();
  });

  it('begins anew: nothing said in clear holds (RFC 3207 section 4.2)', async () => {
    const client = await helloed();
    await client.startTls();
    expect(await client.ask('MAIL FROM:<a@b.example>')).toMatch(/^503 5\.5\.1 /);
  });

  it('is answered 503 within TLS, 503 after AUTH, 501 with a parameter', async () => {
    const client = await helloed();
    expect(await client.ask('STARTTLS now')).toMatch(/^501 5\.5\.4 /);
    await client.startTls();
    await client.ask('EHLO client.example');
    expect(await client.ask('STARTTLS')).toMatch(/^503 5\.5\.1 /);
    expect(await (await loggedIn()).ask('STARTTLS')).toBe('503 5.5.1 STARTTLS comes before AUTH');
  });

  it.each([
    ['in one write', 'STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n'],
    ['as half a command', 'STARTTLS\r\nMAI'],
    ['as many commands', `STARTTLS\r\n${'NOOP\r\n'.repeat(500)}`],
  ])('with commands sent along in clear ends the session (CVE-2011-0411): %s', async (_name, bytes) => {
    const client = await helloed();
    client.send(bytes);
    expect(await client.reply()).toBe('501 5.5.1 Nothing may follow STARTTLS before the handshake');
    expect(await client.ended()).toBe('');
  });

  it('with commands in clear right behind runs none of them within TLS', async () => {
    const client = await helloed();
    client.send('STARTTLS\r\n');
    expect(await client.reply()).toMatch(/^220 /);
    client.send('EHLO injected.example\r\n');
    await expect(client.handshake()).rejects.toThrow();
    expect(door.submissions).toEqual([]);
  });
});

describe('MAIL', () => {
  it('is refused 553 for a domain that the credential may not use, and taken for its own and for <>', async () => {
    const client = await loggedIn('limited');
    expect(await client.ask('MAIL FROM:<a@other.example>')).toBe(
      '553 5.7.1 <a@other.example> is not a sender of credential limited',
    );
    expect(await client.ask('MAIL FROM:<a@sub.limited.example>')).toMatch(/^553 5\.7\.1 /);
    expect(await client.ask('MAIL FROM:<a@LIMITED.example>')).toMatch(/^250 2\.1\.0 /);
    await client.ask('RSET');
    expect(await client.ask('MAIL FROM:<>')).toMatch(/^250 2\.1\.0 /);
  });

  it('is refused 552 when the client declares too much (RFC 1870 section 6.1)', async () => {
    const client = await loggedIn();
    expect(await client.ask('MAIL FROM:<a@b.example> SIZE=1000001')).toBe(
      '552 5.3.4 Message is larger than 1000000 bytes',
    );
    expect(await client.ask('MAIL FROM:<a@b.example> SIZE=1000000')).toMatch(/^250 /);
  });

  it('is refused 555 for a parameter that nobody knows (RFC 5321 section 4.1.1.11)', async () => {
    expect(await (await loggedIn()).ask('MAIL FROM:<a@b.example> FOO=bar')).toBe('555 5.5.4 Unknown parameter FOO');
  });

  it('is refused with the trouble that there is', async () => {
    const ill = await startTestListener({ trouble: () => reply(452, '4.3.1', 'Insufficient system storage') });
    const client = kept(await ill.login());
    expect(await client.ask('MAIL FROM:<a@b.example>')).toBe('452 4.3.1 Insufficient system storage');
    await ill.stop(1);
  });
});

describe('RCPT', () => {
  it('is refused 452 beyond the largest number, and the rest goes on', async () => {
    const client = await loggedIn();
    await client.ask('MAIL FROM:<a@b.example>');
    for (let i = 0; i < 5; i += 1) expect(await client.ask(`RCPT TO:<r${i}@d.example>`)).toMatch(/^250 2\.1\.5 /);
    expect(await client.ask('RCPT TO:<r5@d.example>')).toMatch(/^452 4\.5\.3 /);
    await client.ask('DATA');
    expect(await client.ask('x\r\n.')).toBe(`250 2.6.0 queued as ${ID}`);
    expect(door.submissions[0]!.envelope.recipients).toHaveLength(5);
  });

  it('of the same mailbox twice is one recipient, however it is spelt', async () => {
    const client = await loggedIn();
    await client.submit('a@b.example', ['c@d.example', 'c@D.example', 'C@d.example'], 'x\r\n');
    expect(door.submissions[0]!.envelope.recipients.map(({ address }) => address)).toEqual(['c@d.example']);
  });
});

describe('the envelope that is handed on', () => {
  it('holds the DSN parameters as they came (RFC 3461)', async () => {
    const client = await loggedIn();
    await client.ask('MAIL FROM:<a@b.example> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B1 SIZE=3');
    await client.ask('RCPT TO:<ü@d.example> NOTIFY=success,FAILURE ORCPT=rfc822;c+40d.example');
    await client.ask('DATA');
    await client.ask('x\r\n.');
    expect(door.submissions[0]).toMatchObject({
      envelope: {
        ...{ reversePath: 'a@b.example', body: '8BITMIME', smtpUtf8: true, ret: 'HDRS', envid: 'QQ+2B1' },
        recipients: [{ address: 'ü@d.example', notify: ['SUCCESS', 'FAILURE'], orcpt: 'rfc822;c+40d.example' }],
      },
      session: { remoteAddress: '127.0.0.1', clientName: 'client.example', protocol: 'UTF8SMTPA' },
      stream: 'transactional',
    });
  });

  it('is that of its own transaction alone', async () => {
    const client = await loggedIn();
    await client.ask('MAIL FROM:<first@b.example> RET=FULL');
    await client.ask('RCPT TO:<first@d.example>');
    await client.ask('RSET');
    await client.submit('a@b.example', ['c@d.example'], 'x\r\n');
    await client.submit('', ['e@d.example'], 'y\r\n');
    expect(
      door.submissions.map(({ envelope }) => [
        envelope.reversePath,
        envelope.ret,
        envelope.recipients.map(r => r.address).join(),
      ]),
    ).toEqual([
      ['a@b.example', null, 'c@d.example'],
      [null, null, 'e@d.example'],
    ]);
  });
});

describe('DATA', () => {
  it('is 354 and then 250 with the id', async () => {
    const client = await inTransaction();
    expect(await client.ask('DATA')).toBe('354 End data with <CR><LF>.<CR><LF>');
    client.send('Subject: x\r\n\r\n..dot\r\n.\r\n');
    expect(await client.reply()).toBe(`250 2.6.0 queued as ${ID}`);
    expect(door.submissions[0]!.content.toString()).toBe('Subject: x\r\n\r\n.dot\r\n');
  });

  it('takes no parameters', async () => {
    expect(await (await inTransaction()).ask('DATA now')).toMatch(/^501 5\.5\.4 /);
  });

  it.each([
    ['rejected', '550 5.7.1 no', { kind: 'rejected', reply: reply(550, '5.7.1', 'no'), rule: 'x' } as const],
    ['deferred', '451 4.3.0 later', { kind: 'deferred', reply: reply(451, '4.3.0', 'later'), rule: 'x' } as const],
  ])('is answered with the reply of what was %s, one enhanced code in it', async (_name, said, result) => {
    const other = await startTestListener({ submit: async () => result });
    const client = kept(await other.login());
    expect(await client.submit('a@b.example', ['c@d.example'], 'x\r\n')).toBe(said);
    expect(await client.ask('NOOP')).toMatch(/^250 /);
    await other.stop(1);
  });

  it('is refused 552 when it is too large, and the session goes on', async () => {
    const client = await inTransaction();
    await client.ask('DATA');
    client.send(`${'a'.repeat(998)}\r\n`.repeat(1_200));
    client.send('.\r\n');
    expect(await client.reply()).toBe('552 5.3.4 Message is larger than 1000000 bytes');
    expect(door.submissions).toEqual([]);
    expect(await client.submit('a@b.example', ['c@d.example'], 'x\r\n')).toMatch(/^250 2\.6\.0 /);
  });

  it('ends the session with 421 when twice the largest size has come and no end (THREATS 11)', async () => {
    const client = await inTransaction();
    await client.ask('DATA');
    client.send(`${'a'.repeat(998)}\r\n`.repeat(2_100));
    expect(await client.replyOrEnd()).toBe('421 4.3.4 Message is far too large');
    expect(door.submissions).toEqual([]);
  });

  it('far beyond what MAIL declared is refused, as it would pass the memory that was set aside', async () => {
    const large = await startTestListener({ maxMessageSize: 20_000_000 });
    const client = kept(await large.login());
    await client.ask('MAIL FROM:<a@b.example> SIZE=10');
    await client.ask('RCPT TO:<c@d.example>');
    await client.ask('DATA');
    client.send(`${'a'.repeat(998)}\r\n`.repeat(2_000));
    client.send('.\r\n');
    expect(await client.reply()).toMatch(/^552 5\.3\.4 /);
    expect(large.budget.used).toBe(0);
    await large.stop(1);
  });

  it.each([
    ['bare LF . LF', 'a\n.\nMAIL FROM:<evil@b.example>\r\n', '550 5.5.2 Message refused: bare LF'],
    ['bare LF . CRLF', 'a\n.\r\nMAIL FROM:<evil@b.example>\r\n', '550 5.5.2 Message refused: bare LF'],
    ['CRLF . LF', 'a\r\n.\nMAIL FROM:<evil@b.example>\r\n', '550 5.5.2 Message refused: bare LF'],
    ['bare CR', 'a\r.\rMAIL FROM:<evil@b.example>\r\n', '550 5.5.2 Message refused: bare CR'],
    ['CR . CRLF', 'a\r.\r\nRCPT TO:<evil@b.example>\r\n', '550 5.5.2 Message refused: bare CR'],
    ['NUL', 'a\r\n\0.\r\nDATA\r\n', '550 5.5.2 Message refused: NUL'],
    ['a line of 70,000', `${'a'.repeat(70_000)}\r\n`, '550 5.6.0 Message refused: line too long'],
  ])(
    'with %s gets one reply, at the real end, and nothing of it is taken (CVE-2023-51764)',
    async (_name, bytes, said) => {
      const client = await inTransaction();
      await client.ask('DATA');
      client.send(bytes);
      client.send('.\r\nNOOP\r\n');
      expect(await client.reply()).toBe(said);
      expect(await client.reply()).toMatch(/^250 2\.0\.0 /);
      expect(door.submissions).toEqual([]);
      expect(await client.submit('a@b.example', ['c@d.example'], 'x\r\n')).toMatch(/^250 2\.6\.0 /);
      expect(door.submissions).toHaveLength(1);
    },
  );

  it('that ends with the connection leaves nothing', async () => {
    const client = await inTransaction();
    await client.ask('DATA');
    client.send(`Subject: half\r\n\r\n${'x'.repeat(500_000)}\r\n.\r`);
    client.close();
    await eventually(() => expect(door.budget.used).toBe(0));
    const other = await loggedIn();
    await other.submit('a@b.example', ['c@d.example'], 'x\r\n');
    expect(door.submissions.map(({ content }) => content.toString())).toEqual(['x\r\n']);
  });

  it('of many at once beyond the memory set aside waits, and all of it is taken', async () => {
    const { ByteBudget } = await import('../../../src/platform/byte-budget.ts');
    const narrow = await startTestListener({ budget: new ByteBudget(1_500_000) });
    const body = `${'a'.repeat(998)}\r\n`.repeat(600);
    const sent = Array.from({ length: 6 }, async () => {
      const client = kept(await narrow.login());
      return client.submit('a@b.example', ['c@d.example'], body);
    });
    expect(await Promise.all(sent)).toEqual(Array(6).fill(`250 2.6.0 queued as ${ID}`));
    expect(narrow.submissions.every(({ content }) => content.toString() === body)).toBe(true);
    await narrow.stop(1);
  });
});

it('a fault of ours is 451 4.3.0 to the app, with nothing of its cause, and the session goes on', async () => {
  let isBroken = true;
  const faulty = await startTestListener({
    submit: async () => {
      if (isBroken) throw new Error('a bug in the works');
      return { kind: 'accepted', messageId: ID };
    },
  });
  const client = kept(await faulty.login());
  expect(await client.submit('a@b.example', ['c@d.example'], 'x\r\n')).toBe(
    '451 4.3.0 Temporary failure, try again later',
  );
  expect(faulty.lines.join('')).toContain('a bug in the works');
  isBroken = false;
  expect(await client.submit('a@b.example', ['c@d.example'], 'x\r\n')).toBe(`250 2.6.0 queued as ${ID}`);
  await faulty.stop(1);
});

describe('PIPELINING (RFC 2920)', () => {
  it('answers in order, all of one read with one write', async () => {
    const client = await loggedIn();
    const writes = countWrites(door.smtpPort);
    client.send(
      'MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<bad>\r\nRCPT TO:<e@d.example>\r\nDATA\r\n',
    );
    const replies = [];
    for (let i = 0; i < 5; i += 1) replies.push((await client.reply()).slice(0, 9));
    expect(replies).toEqual(['250 2.1.0', '250 2.1.5', '501 5.1.3', '250 2.1.5', '354 End d']);
    expect(writes()).toBe(1);
    client.send('x\r\n.\r\nMAIL FROM:<second@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n');
    expect(await client.reply()).toMatch(/^250 2\.6\.0 /);
    for (let i = 0; i < 2; i += 1) expect(await client.reply()).toMatch(/^250 /);
    expect(await client.reply()).toMatch(/^354 /);
    client.send('y\r\n.\r\nQUIT\r\n');
    expect(await client.reply()).toMatch(/^250 2\.6\.0 /);
    expect(await client.reply()).toMatch(/^221 /);
    expect(door.submissions.map(({ content }) => content.toString())).toEqual(['x\r\n', 'y\r\n']);
  });

  it('runs nothing behind QUIT', async () => {
    const client = await inTransaction();
    client.send('QUIT\r\nDATA\r\nx\r\n.\r\n');
    expect(await client.reply()).toMatch(/^221 /);
    expect(await client.ended()).toBe('');
    expect(door.submissions).toEqual([]);
  });

  it('holds with a whole session in one write, AUTH included', async () => {
    const client = await helloed();
    client.send(
      `AUTH PLAIN ${plain('app', 'app-password')}\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n`,
    );
    const replies = [];
    for (let i = 0; i < 6; i += 1) replies.push((await client.reply()).slice(0, 3));
    expect(replies).toEqual(['235', '250', '250', '354', '250', '221']);
  });

  it('does not read on while the client does not read its replies (THREATS 16)', async () => {
    const client = await loggedIn();
    client.send('NOOP\r\n'.repeat(20_000));
    for (let i = 0; i < 20_000; i += 1) expect(await client.reply()).toMatch(/^250 /);
  }, 60_000);
});

describe('a command line', () => {
  it('may come byte by byte', async () => {
    const client = await loggedIn();
    for (const byte of 'MAIL FROM:<a@b.example>\r\n') client.send(byte);
    expect(await client.reply()).toMatch(/^250 2\.1\.0 /);
  });

  it.each([
    ['beyond 2,048 octets', `NOOP ${'a'.repeat(2_044)}\r\n`, '500 5.5.6 Line too long'],
    ['beyond it in pieces', `NOOP ${'a'.repeat(60_000)}\r\n`, '500 5.5.6 Line too long'],
    ['with a bare LF', 'NOOP\n', '500 5.5.2 Lines end with CRLF, nothing else'],
    ['with a bare CR', 'NOOP\rNOOP\r\n', '500 5.5.2 Lines end with CRLF, nothing else'],
    ['with NUL', 'NOOP \0\r\n', '500 5.5.2 Control character in command'],
    ['with ESC', 'MAIL FROM:<a\x1b@b.example>\r\n', '500 5.5.2 Control character in command'],
    ['that is empty', '\r\n', '500 5.5.2 Error: command not recognized'],
  ])('%s is answered 500, and the next is heard', async (_name, bytes, said) => {
    const client = await loggedIn();
    client.send(`${bytes}NOOP\r\n`);
    expect(await client.reply()).toBe(said);
    expect(await client.reply()).toMatch(/^250 2\.0\.0 /);
  });

  it('without an end is cut off with 421 after 64 KB (CVE-2026-38728)', async () => {
    const client = await helloed();
    client.send('a'.repeat(100_000));
    expect(await client.reply()).toBe('421 4.7.0 Line without end');
  });

  it('that the connection ends in the middle of is not run', async () => {
    const client = await inTransaction();
    client.send('DATA\r\nx\r\n.');
    client.close();
    const other = await loggedIn();
    await other.ask('NOOP');
    expect(door.submissions).toEqual([]);
  });
});

describe('patience (RFC 5321 section 4.5.3.2, THREATS 16)', () => {
  const patient = { strangerMs: 60_000, clientMs: 60_000, contentMs: 60_000, paceMs: 60_000 };

  it('ends with a stranger who says nothing, before a client who does', async () => {
    const hasty = await startTestListener({ patience: { ...patient, strangerMs: 50 } });
    const client = kept(await SmtpClient.connect(hasty.smtpPort));
    await client.reply();
    expect(await client.reply()).toBe('421 4.3.2 Timeout - closing connection');
    await client.ended();
    await hasty.stop(1);
  });

  it('ends with a client of ours later', async () => {
    const hasty = await startTestListener({ patience: { ...patient, clientMs: 50 } });
    const stranger = kept(await hasty.hello());
    const client = kept(await hasty.login());
    expect(await client.reply()).toMatch(/^421 /);
    expect(await stranger.ask('NOOP')).toMatch(/^250 /);
    await hasty.stop(1);
  });

  it('ends with a large message that stops coming, and others get the memory that it held', async () => {
    const budget = new ByteBudget(1_000_000);
    const hasty = await startTestListener({ patience: { ...patient, paceMs: 200 }, budget });
    const stalled = kept(await hasty.login());
    const waiting = kept(await hasty.login());
    for (const client of [stalled, waiting]) {
      for (const command of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) await client.ask(command);
    }
    stalled.send(`${'x'.repeat(70)}\r\n`.repeat(5_000));
    await eventually(() => expect(budget.used).toBeGreaterThan(0));
    waiting.send(`${'y'.repeat(70)}\r\n`.repeat(5_000));
    expect(await stalled.replyOrEnd()).toBe('421 4.4.2 Message comes too slowly');
    waiting.send('.\r\n');
    expect(await waiting.reply()).toMatch(/^250 2\.6\.0 /);
    await hasty.stop(1);
  });

  it('ends with a message that goes on and on, however steadily', async () => {
    const hasty = await startTestListener({ patience: { ...patient, contentMs: 200 } });
    const client = kept(await hasty.login());
    for (const command of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) await client.ask(command);
    const drip = setInterval(() => client.send('drip\r\n'), 10);
    expect(await client.replyOrEnd().finally(() => clearInterval(drip))).toBe('421 4.4.2 Message took too long');
    expect(hasty.submissions).toEqual([]);
    await hasty.stop(1);
  });

  it('does not end with whoever waits for us', async () => {
    let answer: (value: { kind: 'accepted'; messageId: typeof ID }) => void = () => undefined;
    const asked = Promise.withResolvers<void>();
    const slow = await startTestListener({
      patience: { ...patient, clientMs: 500 },
      submit: () => {
        asked.resolve();
        return new Promise(resolve => {
          answer = resolve;
        });
      },
    });
    const client = kept(await slow.login());
    const said = client.submit('a@b.example', ['c@d.example'], 'x\r\n');
    await asked.promise;
    // Whoever comes later and says nothing is ended with; by then the first one would have been.
    const idle = kept(await slow.login());
    expect(await idle.reply()).toMatch(/^421 /);
    answer({ kind: 'accepted', messageId: ID });
    expect(await said).toBe(`250 2.6.0 queued as ${ID}`);
    await slow.stop(1);
  });
});

describe('stopping', () => {
  it('says 421 to the idle, takes no more, and ends', async () => {
    const closing = await startTestListener();
    const idle = [kept(await closing.hello()), kept(await closing.login())];
    const inEnvelope = kept(await closing.login());
    await inEnvelope.ask('MAIL FROM:<a@b.example>');
    const stopped = closing.stop(5_000);
    for (const client of [...idle, inEnvelope]) {
      expect(await client.reply()).toBe('421 4.3.2 Shutting down');
      await client.ended();
    }
    await expect(SmtpClient.connect(closing.smtpPort)).rejects.toThrow();
    for (const client of [...idle, inEnvelope]) client.close();
    await stopped;
  });

  it('lets a message in DATA be finished and answered, then says 421', async () => {
    const closing = await startTestListener();
    const client = kept(await closing.login());
    await client.ask('MAIL FROM:<a@b.example>');
    await client.ask('RCPT TO:<c@d.example>');
    await client.ask('DATA');
    client.send('first half\r\n');
    const stopped = closing.stop(10_000);
    await expect(SmtpClient.connect(closing.smtpPort)).rejects.toThrow();
    client.send('second half\r\n.\r\n');
    expect(await client.reply()).toBe(`250 2.6.0 queued as ${ID}`);
    expect(await client.reply()).toMatch(/^421 4\.3\.2 /);
    await client.ended();
    client.close();
    await stopped;
    expect(closing.submissions.map(({ content }) => content.toString())).toEqual(['first half\r\nsecond half\r\n']);
  });
});
