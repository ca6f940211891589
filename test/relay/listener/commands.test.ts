import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHello, parseMail, parseRcpt } from '../../../relay/listener/commands.ts';
import { formatReply } from '../../../src/mail/reply.ts';

const mail = (line: string) => {
  const parsed = parseMail(line);
  return 'refused' in parsed ? formatReply(parsed.refused) : parsed;
};
const rcpt = (line: string, smtpUtf8 = false) => {
  const parsed = parseRcpt(line, { smtpUtf8, hostname: 'gateway.test' });
  return 'refused' in parsed ? formatReply(parsed.refused) : parsed;
};
const PLAIN = { reversePath: 'a@b.example', smtpUtf8: false, body: '7BIT', ret: null, envid: null, declaredSize: null };

/** A path of 256 octets has room for a local part of 63 beside it. */
const DOMAIN_OF_190 = [63, 63, 62].map(length => 'b'.repeat(length)).join('.');

describe('MAIL (RFC 5321 section 4.1.1.2)', () => {
  it.each([
    ['MAIL FROM:<a@b.example>', {}],
    ['mail from:<a@b.example>', {}],
    ['MAIL FROM: <a@b.example>', {}],
    ['MAIL FROM:<a@b.example> ', {}],
    ['MAIL FROM:<>', { reversePath: null }],
    ['MAIL FROM:<"a>b"@b.example>', { reversePath: '"a>b"@b.example' }],
    ['MAIL FROM:<a@b.example> SIZE=0', { declaredSize: 0 }],
    ['MAIL FROM:<a@b.example> size=12345678', { declaredSize: 12_345_678 }],
    ['MAIL FROM:<a@b.example> BODY=8bitmime', { body: '8BITMIME' }],
    ['MAIL FROM:<a@b.example> BODY=7BIT', {}],
    ['MAIL FROM:<ü@b.example> SMTPUTF8', { reversePath: 'ü@b.example', smtpUtf8: true }],
    ['MAIL FROM:<a@b.example> RET=hdrs ENVID=QQ314159+2B', { ret: 'HDRS', envid: 'QQ314159+2B' }],
    ['MAIL FROM:<a@b.example> RET=FULL', { ret: 'FULL' }],
    ['MAIL FROM:<a@b.example> AUTH=<>', {}],
    ['MAIL FROM:<a@b.example> AUTH=e+3Dmc2@b.example', {}],
    ['MAIL FROM:<a@b.example> SIZE=1 BODY=8BITMIME SMTPUTF8', { declaredSize: 1, body: '8BITMIME', smtpUtf8: true }],
  ])('%s', (line, expected) => {
    expect(mail(line)).toEqual({ ...PLAIN, ...expected });
  });

  it.each([
    ['MAIL', '501 5.5.4'],
    ['MAIL FROM', '501 5.5.4'],
    ['MAIL FROM:', '501 5.5.4'],
    ['MAIL FROM:a@b.example', '501 5.5.4'],
    ['MAIL FROM:<a@b.example', '501 5.5.4'],
    ['MAIL FROM:<a@b.example>>', '501 5.5.4'],
    ['MAIL FROM:<<a@b.example>>', '501 5.5.4'],
    ['MAIL FROM:<a@b.example>SIZE=1', '501 5.5.4'],
    ['MAIL FROM:<a> <b@b.example>', '555 5.5.4'],
    ['MAIL TO:<a@b.example>', '501 5.5.4'],
    ['MAIL FROM:<a@b@b.example>', '501 5.1.7'],
    ['MAIL FROM:<@relay.example:a@b.example>', '501 5.1.7'],
    ['MAIL FROM:<a@b.example> SIZE', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=-1', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=1x', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=123456789012345678901', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=1 SIZE=2', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> BODY', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> BODY=BINARYMIME', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SMTPUTF8=yes', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> RET=ALL', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> ENVID=a=b', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> ENVID=a+0D+0Ab', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> ENVID=a+zz', '501 5.5.4'],
    [`MAIL FROM:<a@b.example> ENVID=${'a'.repeat(101)}`, '501 5.5.4'],
    ['MAIL FROM:<a@b.example> AUTH', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> AUTH=', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> AUTH=a+zzb@b.example', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> AUTH=a=b@b.example', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> X-UNKNOWN', '555 5.5.4'],
    ['MAIL FROM:<a@b.example> NOTIFY=NEVER', '555 5.5.4'],
    ['MAIL FROM:<a@b.example> constructor=1', '555 5.5.4'],
    ['MAIL FROM:<ü@b.example>', '553 5.6.7'],
    [`MAIL FROM:<${'a'.repeat(65)}@b.example>`, '501 5.1.7'],
  ])('%s is refused with %s', (line, expected) => {
    expect(mail(line)).toMatch(new RegExp(`^${expected.replaceAll('.', '\\.')} `));
  });
});

describe('RCPT (RFC 5321 section 4.1.1.3, RFC 3461 section 4)', () => {
  const BARE = { address: 'a@b.example', notify: null, orcpt: null };
  it.each([
    ['RCPT TO:<a@b.example>', {}],
    ['rcpt to: <a@b.example>', {}],
    ['RCPT TO:<a@b.example> NOTIFY=never', { notify: ['NEVER'] }],
    ['RCPT TO:<a@b.example> NOTIFY=SUCCESS,failure,DELAY', { notify: ['SUCCESS', 'FAILURE', 'DELAY'] }],
    ['RCPT TO:<a@b.example> ORCPT=rfc822;x+2By@b.example', { orcpt: 'rfc822;x+2By@b.example' }],
    ['RCPT TO:<"a%b!c"@b.example>', { address: '"a%b!c"@b.example' }],
    // Section 4.5.1.
    ['RCPT TO:<postmaster>', { address: 'postmaster@gateway.test' }],
    ['RCPT TO:<PostMaster> NOTIFY=NEVER', { address: 'postmaster@gateway.test', notify: ['NEVER'] }],
    ['RCPT TO:<Postmaster@b.example>', { address: 'Postmaster@b.example' }],
    ['RCPT TO:<a@[192.0.2.1]>', { address: 'a@[192.0.2.1]' }],
    ['RCPT TO:<a@[IPv6:2001:db8::1]>', { address: 'a@[IPv6:2001:db8::1]' }],
    ['RCPT TO:<"a b\\"c"@b.example>', { address: '"a b\\"c"@b.example' }],
    [`RCPT TO:<${'a'.repeat(64)}@b.example>`, { address: `${'a'.repeat(64)}@b.example` }],
    [`RCPT TO:<${'a'.repeat(63)}@${DOMAIN_OF_190}>`, { address: `${'a'.repeat(63)}@${DOMAIN_OF_190}` }],
  ])('%s', (line, expected) => {
    expect(rcpt(line)).toEqual({ ...BARE, ...expected });
  });

  it.each([
    ['RCPT TO:<>', '501 5.1.3'],
    ['RCPT TO:<postmaster@>', '501 5.1.3'],
    ['RCPT TO:<bob>', '501 5.1.3'],
    ['RCPT TO:<"postmaster">', '501 5.1.3'],
    ['RCPT TO:a@b.example', '501 5.5.4'],
    ['RCPT FROM:<a@b.example>', '501 5.5.4'],
    ['RCPT TO:<@relay.example:a@b.example>', '501 5.1.3'],
    ['RCPT TO:<a%c.example@b.example>', '553 5.1.3'],
    ['RCPT TO:<c.example!a@b.example>', '553 5.1.3'],
    ['RCPT TO:<a@b.example> NOTIFY', '501 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY=', '501 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY=NEVER,SUCCESS', '501 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY=SUCCESS,SUCCESS', '501 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY=SOMETIMES', '501 5.5.4'],
    ['RCPT TO:<a@b.example> ORCPT=a@b.example', '501 5.5.4'],
    ['RCPT TO:<a@b.example> ORCPT=rfc822;a+0Ab', '501 5.5.4'],
    [`RCPT TO:<a@b.example> ORCPT=rfc822;${'a'.repeat(501)}`, '501 5.5.4'],
    ['RCPT TO:<a@b.example> SIZE=1', '555 5.5.4'],
    ['RCPT TO:<a@b.example>,<c@d.example>', '501 5.5.4'],
    ['RCPT TO:<a@b.example> <c@d.example>', '555 5.5.4'],
    ['RCPT TO:<a b@c.example>', '501 5.1.3'],
    ['RCPT TO:<a@b_c.example>', '501 5.1.3'],
    ['RCPT TO:<a@[300.0.0.1]>', '501 5.1.3'],
    ['RCPT TO:<a@-b.example>', '501 5.1.3'],
    ['RCPT TO:<a@b..example>', '501 5.1.3'],
    ['RCPT TO:<.a@b.example>', '501 5.1.3'],
    ['RCPT TO:<a.@b.example>', '501 5.1.3'],
    ['RCPT TO:<a@b.example.>', '501 5.1.3'],
    ['RCPT TO:<"a"b@c.example>', '501 5.1.3'],
    [`RCPT TO:<a@${'b'.repeat(64)}.example>`, '501 5.1.3'],
    [`RCPT TO:<${'a'.repeat(65)}@b.example>`, '501 5.1.3'],
    [`RCPT TO:<${'a'.repeat(64)}@${DOMAIN_OF_190}>`, '501 5.1.3'],
    ['RCPT TO:<ü@b.example>', '553 5.6.7'],
  ])('%s is refused with %s', (line, expected) => {
    expect(rcpt(line)).toMatch(new RegExp(`^${expected.replaceAll('.', '\\.')} `));
  });

  it('takes what SMTPUTF8 allows where MAIL asked for it (RFC 6531)', () => {
    expect(rcpt('RCPT TO:<ü@bücher.example>', true)).toMatchObject({ address: 'ü@bücher.example' });
  });
});

describe('any line', () => {
  it('is parsed or refused in one line, without a throw', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('<', '>', '"', '\\', '@', ' ', '=', 'a', '.', 'SIZE', ';', '+') }),
    );
    fc.assert(
      fc.property(line, text => {
        for (const said of [mail(`MAIL FROM:${text}`), rcpt(`RCPT TO:${text}`)]) {
          if (typeof said === 'string') expect(said).toMatch(/^5\d\d 5\.\d\.\d [\x20-\x7e]+$/);
        }
      }),
    );
  });
});

describe('HELO and EHLO (RFC 5321 section 4.1.1.1)', () => {
  it.each(['client.example', 'localhost', 'MY_PC', '[192.0.2.1]', '[IPv6:2001:db8::1]', '192.0.2.1', 'a.example.'])(
    '%s is taken',
    name => {
      expect(parseHello(name)).toBe(name);
    },
  );
  it.each(['', 'a b', 'a\r\nb', '<x>', '(x)', `${'a'.repeat(256)}`])('%j is not', name => {
    expect(parseHello(name)).toBeNull();
  });
});
