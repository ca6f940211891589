import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressKey, domainOf, parseMailbox } from '../../src/mail/address.ts';

const ascii = (text: string) => parseMailbox(text, { smtpUtf8: false });
const utf8 = (text: string) => parseMailbox(text, { smtpUtf8: true });
const SYNTAX = { problem: 'syntax' };

describe('a mailbox (RFC 5321 section 4.1.2)', () => {
  it.each([
    'a@b',
    'user@example.com',
    'first.last+tag@sub.example.com',
    "!#$%&'*+-/=?^_`{|}~@example.com",
    '"john doe"@example.com',
    '"a@b"@example.com',
    '"\\""@example.com',
    '"\\\\"@example.com',
    '""@example.com',
    '"<>"@example.com',
    'user@[192.0.2.1]',
    'user@[IPv6:2001:db8::1]',
    'user@[ipv6:::1]',
    'user@xn--bcher-kva.example',
    'user@1.2.example',
    `${'a'.repeat(64)}@example.com`,
    `a@${'b'.repeat(63)}.example`,
  ])('%s is one, and stays as it was written', text => {
    expect(ascii(text)).toBe(text);
    expect(utf8(text)).toBe(text);
  });

  it.each([
    '',
    '@',
    'user',
    'user@',
    '@example.com',
    'user@@example.com',
    'a@b@example.com',
    '.user@example.com',
    'user.@example.com',
    'us..er@example.com',
    'us er@example.com',
    'user@exa mple.com',
    'user@example..com',
    'user@.example.com',
    'user@example.com.',
    'user@-example.com',
    'user@example-.com',
    'user@exam_ple.com',
    'user@[192.0.2.256]',
    'user@[192.0.2.1',
    'user@[IPv6:192.0.2.1]',
    'user@[IPv6:fe80::1%eth0]',
    'user@[example.com]',
    `a@${'b'.repeat(64)}.example`,
    // The obsolete and the clever: comments, folding, groups, routes, angle brackets.
    'user(comment)@example.com',
    'user@example.com(comment)',
    '@relay.example:user@example.com',
    '<user@example.com>',
    'user@example.com>',
    'user@example.com,other@example.net',
    '"unclosed@example.com',
    '"a"b@example.com',
    '"a\\"@example.com',
    'user\r\nRCPT TO:<x>@example.com',
    'user\0@example.com',
    'user\x7f@example.com',
    '"a\r\nb"@example.com',
    '"a\tb"@example.com',
    '"a\\\nb"@example.com',
    '\u{feff}user@example.com',
    'user@example\u2028.com',
    '"a\u2028b"@example.com',
    '"a\u2029b"@example.com',
    // What bytes that are not UTF-8 decode to: the mailbox would not be the one that was sent.
    'us\ufffder@example.com',
    'user@ex\ufffdmple.com',
    '"us\ufffder"@example.com',
  ])('%j is none', text => {
    expect(utf8(text)).toEqual(SYNTAX);
  });

  it.each([
    ['the local part has 65 octets (section 4.5.3.1.1)', `${'a'.repeat(65)}@example.com`, 'local-part-too-long'],
    ['the local part has 64 characters, but 128 octets', `${'ü'.repeat(64)}@example.com`, 'local-part-too-long'],
    ['the domain has 256 octets (section 4.5.3.1.2)', `a@${'b.'.repeat(127)}bb`, 'domain-too-long'],
    ['the path has 257 octets (section 4.5.3.1.3)', `${'a'.repeat(64)}@${'b.'.repeat(94)}bb`, 'path-too-long'],
  ])('is too long: %s', (_why, text, problem) => {
    expect(utf8(text)).toEqual({ problem });
  });

  it('may have a path of exactly 256 octets', () => {
    expect(ascii(`${'a'.repeat(64)}@${'b.'.repeat(94)}b`)).not.toEqual({ problem: 'path-too-long' });
  });

  it.each(['bücher@example.com', 'user@bücher.example', '"ü"@example.com'])('%s needs SMTPUTF8 (RFC 6531)', text => {
    expect(utf8(text)).toBe(text);
    expect(ascii(text)).toEqual({ problem: 'needs-smtputf8' });
  });

  it('is judged without a throw, whatever the text; what passes holds nothing that could end a command', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.boolean(), (text, smtpUtf8) => {
        const result = parseMailbox(text, { smtpUtf8 });
        if (typeof result === 'string') {
          expect(result).toBe(text);
          expect(result).not.toMatch(/[\u0000-\u001f\u007f\u2028\u2029]/);
        }
      }),
    );
  });

  it('is what the grammar makes: dot-strings and quoted strings at domains', () => {
    const atext = fc.string({ unit: fc.constantFrom(..."abzAZ09!#$%&'*+-/=?^_`{|}~"), minLength: 1, maxLength: 8 });
    const dotString = fc.array(atext, { minLength: 1, maxLength: 4 }).map(atoms => atoms.join('.'));
    const qtext = fc.constantFrom(...' !#abz[]@<>,;:().', '\\"', '\\\\', '\\ ');
    const quoted = fc.array(qtext, { maxLength: 12 }).map(parts => `"${parts.join('')}"`);
    const label = fc.stringMatching(/^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,10}[a-zA-Z0-9])?$/);
    const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'));
    const local = fc.oneof(dotString, quoted);
    fc.assert(
      fc.property(local, domain, (before, after) => {
        const address = ascii(`${before}@${after}`);
        expect(address).toBe(`${before}@${after}`);
        expect(domainOf(address as never)).toBe(after);
      }),
    );
  });

  it('is found under one key however it is spelt', () => {
    expect(addressKey('Bob@Example.COM')).toBe(addressKey('bob@example.com'));
  });
});
