// Commands and their replies, typed by hand over a raw socket: the order of commands (RFC 5321 section 4.3.2), their
// syntax (sections 4.1.1 to 4.1.4), and those of the extensions. Steps are separated by ` | `; the last reply counts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestListener, type TestListener } from '../../support/listener.ts';
import { base64, plain, SmtpClient } from '../../support/smtp-client.ts';

let door: TestListener;
beforeAll(async () => {
  door = await startTestListener({ patience: { penaltyMs: 0 } });
});
afterAll(() => door.stop(1));

/** Short for what most dialogues begin with. */
const SHORT: Readonly<Record<string, string>> = {
  EHLO: 'EHLO c.example',
  AUTH: `AUTH PLAIN ${plain('app', 'app-password')}`,
  MAIL: 'MAIL FROM:<a@b.example>',
  RCPT: 'RCPT TO:<c@d.example>',
};

/** The last line of the last reply. `TLS` is STARTTLS and the handshake; `\xNN` one byte. */
async function lastReply(dialogue: string): Promise<string> {
  const client = await SmtpClient.connect(door.smtpPort);
  try {
    let last = await client.reply();
    for (const step of dialogue.split(' | ')) {
      if (step === 'TLS') await client.startTls();
      else {
        client.send(Buffer.from(`${SHORT[step] ?? step.replace(/^!/, '')}\r\n`, 'latin1'));
        last = (await client.replyOrEnd()) ?? 'ended';
      }
    }
    return last.split('\n').at(-1)!;
  } finally {
    client.close();
  }
}

function expectReplies(title: string, table: readonly (readonly [string, string])[]): void {
  describe(title, () => {
    it.each(table)('%j: %s', async (dialogue, expected) => {
      expect((await lastReply(dialogue)).slice(0, expected.length)).toBe(expected);
    });
  });
}

const utf8 = (text: string) => Buffer.from(text).toString('latin1');

// `!` = as it stands, where the short form would be taken.
expectReplies('the minimum (RFC 5321 section 4.5.1), before anything else', [
  ['NOOP', '250 2.0.0 OK'],
  ['NOOP what you like', '250 2.0.0 OK'],
  ['noop ', '250 2.0.0 OK'],
  ['RSET', '250 2.0.0'],
  ['VRFY a@b.example', '252 2.5.0'],
  ['QUIT', '221 2.0.0'],
  ['quit ', '221 2.0.0'],
  ['HELO c.example', '250 gateway.test greets c.example'],
  ['HELP', '214 2.0.0'],
  ['help mail', '214 2.0.0'],
]);

expectReplies('commands without parameters have none (section 4.1.1)', [
  ['RSET now', '501 5.5.4'],
  ['QUIT now', '501 5.5.4'],
  ['QUIT now | NOOP', '250 2.0.0'],
  ['EHLO | AUTH | MAIL | RCPT | DATA now', '501 5.5.4'],
  ['EHLO | AUTH | MAIL | RSET now | RCPT', '250 2.1.5'],
  ['STARTTLS now', '501 5.5.4'],
  ['VRFY', '501 5.5.4'],
]);

expectReplies('commands that we know and do not have (section 4.2.4), and those that we do not know', [
  ...['EXPN list', 'EXPN', 'BDAT 3 LAST', 'BURL x', 'ETRN x', 'ATRN', 'TURN', 'SEND FROM:<a@b>', 'WIZ', 'KILL'].map(
    command => [command, '502 5.5.1'] as const,
  ),
  ['EHLO | AUTH | MAIL | RCPT | BDAT 3 LAST', '502 5.5.1'],
  ...['FOO', 'XCLIENT ADDR=192.0.2.1', 'XFORWARD ADDR=192.0.2.1', 'LHLO c.example', 'DEBUG', '', ' ', '\t'].map(
    command => [command, '500 5.5.2'] as const,
  ),
  ...[
    'constructor',
    '__proto__',
    'toString',
    'EHLO\tc.example',
    ' EHLO c.example',
    'PROXY TCP4 1.1.1.1 1.1.1.1 1 1',
  ].map(command => [command, '500 5.5.2'] as const),
  ['GET / HTTP/1.1', '421 4.3.2'],
  ['POST /x HTTP/1.0', '421 4.3.2'],
]);

expectReplies('EHLO and HELO (section 4.1.1.1)', [
  ['EHLO c.example', '250 AUTH PLAIN LOGIN'],
  ['eHLo c.example', '250 AUTH PLAIN LOGIN'],
  ['EHLO c.example ', '250 AUTH PLAIN LOGIN'],
  ['EHLO [192.0.2.1]', '250 AUTH PLAIN LOGIN'],
  ['EHLO [IPv6:2001:db8::1]', '250 AUTH PLAIN LOGIN'],
  ['EHLO MY_PC', '250 AUTH PLAIN LOGIN'],
  [`HELO ${utf8('bücher')}.example`, '250 gateway.test greets b?cher.example'],
  ['!EHLO', '501 5.5.4 Syntax: EHLO'],
  ['HELO', '501 5.5.4 Syntax: HELO'],
  ['EHLO a b', '501 5.5.4'],
  ['EHLO <c.example>', '501 5.5.4'],
  ['EHLO [a b]', '501 5.5.4'],
  [`EHLO ${'a'.repeat(256)}`, '501 5.5.4'],
  ['EHLO | AUTH | MAIL | RCPT | EHLO | !DATA', '503 5.5.1'],
  ['EHLO | AUTH | MAIL | RCPT | HELO | !DATA', '354'],
]);

expectReplies('order', [
  ['MAIL', '503 5.5.1'],
  ['RCPT', '503 5.5.1'],
  ['DATA', '503 5.5.1'],
  ['AUTH', '503 5.5.1'],
  ['EHLO | MAIL', '530 5.7.0'],
  ['EHLO | RCPT', '530 5.7.0'],
  ['EHLO | DATA', '530 5.7.0'],
  ['EHLO | AUTH | RCPT', '503 5.5.1'],
  ['EHLO | AUTH | DATA', '503 5.5.1'],
  ['EHLO | AUTH | MAIL | MAIL', '503 5.5.1'],
  ['EHLO | AUTH | MAIL | DATA', '554 5.5.1'],
  ['EHLO | AUTH | MAIL | RCPT TO:<bad> | DATA', '554 5.5.1'],
  ['EHLO | AUTH | MAIL FROM:<bad> | RCPT', '503 5.5.1'],
  ['EHLO | AUTH | MAIL | RCPT | RSET | DATA', '503 5.5.1'],
  ['EHLO | AUTH | MAIL | RCPT | VRFY x | NOOP | HELP | DATA', '354'],
  ['EHLO | AUTH | MAIL | RCPT | DATA | QUIT\r\n.', '250 2.6.0'],
  ['EHLO | AUTH | MAIL | RCPT | DATA | .', '250 2.6.0'],
  ['EHLO | AUTH | MAIL | RCPT | DATA | x\r\n. | DATA', '503 5.5.1'],
  ['EHLO | AUTH | MAIL | RCPT | DATA | x\r\n. | MAIL', '250 2.1.0'],
]);

expectReplies('STARTTLS (RFC 3207)', [
  ['STARTTLS', '220'],
  ['EHLO | TLS | MAIL', '503 5.5.1'],
  ['EHLO | TLS | AUTH', '503 5.5.1'],
  ['EHLO | TLS | EHLO | AUTH | MAIL', '250 2.1.0'],
  ['EHLO | TLS | EHLO | MAIL', '530 5.7.0'],
  ['EHLO | TLS | EHLO | STARTTLS', '503 5.5.1'],
  ['EHLO | TLS | EHLO | STARTTLS now', '501 5.5.4'],
  ['EHLO | AUTH | STARTTLS', '503 5.5.1'],
  ['EHLO | AUTH | MAIL | STARTTLS', '503 5.5.1'],
]);

expectReplies('AUTH (RFC 4954)', [
  ['EHLO | !AUTH', '501 5.5.4'],
  ['EHLO | AUTH CRAM-MD5', '504 5.5.4'],
  ['EHLO | AUTH XOAUTH2', '504 5.5.4'],
  ['EHLO | auth plain', '334'],
  ['EHLO | AUTH PLAIN | *', '501'],
  ['EHLO | AUTH LOGIN | *', '501'],
  [`EHLO | AUTH LOGIN | ${base64('app')} | *`, '501'],
  ['EHLO | AUTH LOGIN | * | AUTH', '235 2.7.0'],
  ['EHLO | AUTH PLAIN *', '501 5.5.2'],
  ['EHLO | AUTH PLAIN !!!', '501 5.5.2'],
  ['EHLO | AUTH LOGIN YXB', '501 5.5.2'],
  ['EHLO | AUTH LOGIN | YXB', '501 5.5.2'],
  ['EHLO | AUTH LOGIN | YX=w', '501 5.5.2'],
  [`EHLO | AUTH LOGIN | ${base64('app')} | %%%%`, '501 5.5.2'],
  ['EHLO | AUTH LOGIN | YXB | AUTH', '235 2.7.0'],
  ['EHLO | AUTH PLAIN =', '501 5.5.4'],
  ['EHLO | AUTH LOGIN =', '501 5.5.4'],
  ['EHLO | AUTH PLAIN | ', '501 5.5.4'],
  [`EHLO | AUTH PLAIN ${base64('a\0b')}`, '501 5.5.4'],
  [`EHLO | AUTH PLAIN ${base64('\0a\r\nb\0c')}`, '501 5.5.4'],
  [`EHLO | AUTH PLAIN ${'A'.repeat(12_272)}`, '501 5.5.4'],
  [`EHLO | AUTH PLAIN | ${'A'.repeat(12_284)}`, '501 5.5.4'],
  [`EHLO | AUTH PLAIN ${'A'.repeat(12_288)}`, '500 5.5.6'],
  [`EHLO | AUTH PLAIN | ${'A'.repeat(12_288)}`, '500 5.5.6'],
  [`EHLO | AUTH PLAIN | ${'A'.repeat(12_288)} | AUTH`, '235 2.7.0'],
  ['EHLO | AUTH | AUTH', '503 5.5.1'],
  ['EHLO | AUTH | MAIL | AUTH', '503 5.5.1'],
]);

expectReplies('MAIL and its parameters (RFC 5321 section 4.1.1.2, RFC 1870, 3461, 4954, 6152, 6531)', [
  ...['MAIL', 'MAIL FROM', 'MAIL FROM:', 'MAIL FROM:a@b.example', 'MAIL FROM :<a@b.example>', 'MAIL  FROM:<a@b>'].map(
    command => [`EHLO | AUTH | !${command}`, '501 5.5.4'] as const,
  ),
  ...(
    [
      ['<>', '250 2.1.0'],
      ['<a@b.example> ', '250 2.1.0'],
      ['<a@b.example> SIZE=0', '250 2.1.0'],
      ['<a@b.example> SIZE=1000001', '552 5.3.4'],
      ['<a@b.example> SIZE=1 SIZE=1', '501 5.5.4'],
      ['<a@b.example> BODY=8BITMIME BODY=8BITMIME', '501 5.5.4'],
      ['<a@b.example> BODY=BINARYMIME', '501 5.5.4'],
      ['<a@b.example> AUTH=<>', '250 2.1.0'],
      ['<a@b.example> AUTH=e+3Dmc2@b.example', '250 2.1.0'],
      ['<a@b.example> AUTH=e+', '501 5.5.4'],
      ['<a@b.example> REQUIRETLS', '555 5.5.4'],
      ['<a@b.example>\tSIZE=1', '501 5.5.4'],
      ['<<<>>>', '501 5.5.4'],
      ['<@x,@y:a@b.example>', '501 5.1.7'],
      ['<postmaster>', '501 5.1.7'],
      ['<a(b)@c.example>', '501 5.1.7'],
      ['<a\t@b.example>', '501 5.1.7'],
      ['<a@[192.0.2.1]>', '250 2.1.0'],
      ['<a@[IPv6:zz]>', '501 5.1.7'],
      ['<"a b"@c.example>', '250 2.1.0'],
      ['<a\0@b.example>', '500 5.5.2'],
      ['<a\x7f@b.example>', '500 5.5.2'],
      [`<${utf8('ü')}@b.example>`, '553 5.6.7'],
      [`<a@${utf8('ü')}.example>`, '553 5.6.7'],
      [`<${utf8('ü')}@b.example> SMTPUTF8`, '250 2.1.0'],
      ['<\xff@b.example> SMTPUTF8', '501 5.1.7'],
      ['<a@b.example> SMTPUTF8=1', '501 5.5.4'],
    ] as const
  ).map(([path, expected]) => [`EHLO | AUTH | MAIL FROM:${path}`, expected] as const),
]);

expectReplies('RCPT and its parameters (RFC 5321 section 4.1.1.3, RFC 3461)', [
  ...['RCPT', 'RCPT TO', 'RCPT TO:', 'RCPT TO:c@d.example'].map(
    command => [`EHLO | AUTH | MAIL | !${command}`, '501 5.5.4'] as const,
  ),
  ...(
    [
      ['<>', '501 5.1.3'],
      ['<postmaster>', '250 2.1.5'],
      ['<POSTMASTER>', '250 2.1.5'],
      ['<c@d.example> NOTIFY=NEVER', '250 2.1.5'],
      ['<c@d.example> NOTIFY=NEVER,DELAY', '501 5.5.4'],
      ['<c@d.example> ORCPT=rfc822;c+40d', '250 2.1.5'],
      ['<c@d.example> ORCPT=rfc822;c+0Ad', '501 5.5.4'],
      ['<c@d.example> NOTIFY=DELAY NOTIFY=DELAY', '501 5.5.4'],
      ['<c@d.example> FOO', '555 5.5.4'],
      ['<c%e@d.example>', '553 5.1.3'],
      ['<e!c@d.example>', '553 5.1.3'],
      ['<@x:c@d.example>', '501 5.1.3'],
      ['<c@d.example>,<e@f.example>', '501 5.5.4'],
      [`<${'c'.repeat(65)}@d.example>`, '501 5.1.3'],
    ] as const
  ).map(([path, expected]) => [`EHLO | AUTH | MAIL | RCPT TO:${path}`, expected] as const),
]);

it('a reply has at most 512 octets, whatever it repeats (section 4.5.3.1.5)', async () => {
  const domain = [63, 63, 63, 62].map(length => 'b'.repeat(length)).join('.');
  const named = await startTestListener({ hostname: domain });
  const client = await SmtpClient.connect(named.smtpPort);
  await client.reply();
  const greeting = (await client.ask(`HELO ${domain}`)).split('\n')[0]!;
  expect(greeting).toContain('greets bbb');
  expect(greeting.length + 2).toBeLessThanOrEqual(512);
  client.close();
  await named.stop(1);
});

it('a HELO that was refused leaves the session as extended as it was', async () => {
  door.submissions.length = 0;
  await lastReply('EHLO | AUTH | HELO | MAIL | RCPT | DATA | x\r\n.');
  await lastReply('HELO c.example | AUTH | MAIL | RCPT | DATA | x\r\n.');
  expect(door.submissions.map(({ session }) => session.protocol)).toEqual(['ESMTPA', 'SMTP']);
});
