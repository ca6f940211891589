import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressKey, domainOf, foldDomain, parseMailbox } from '../../src/mail/address.ts';

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

  it('keeps its key when that is folded again', () => {
    const local = fc.string({
      unit: fc.constantFrom(...'abAZ09.\u00fc\u00dcu\u0308\u0130\u212a\u03a3"\\ @'),
      maxLength: 10,
    });
    const domain = fc.constantFrom(
      'Example.COM',
      'B\u00dccher.example',
      'bu\u0308cher.example',
      '\u00fc.1',
      '[IPv6:::1]',
    );
    const text = fc
      .tuple(
        fc.oneof(
          local,
          local.map(inner => `"${inner}"`),
        ),
        domain,
      )
      .map(parts => parts.join('@'));
    fc.assert(
      fc.property(text, address => {
        const key = addressKey(address);
        expect(addressKey(key)).toBe(key);
      }),
    );
  });
});

describe('two spellings of one mailbox have one key', () => {
  it.each([
    ['case', 'Bob@Example.COM', 'bob@example.com'],
    ['an IDN and its A-label (RFC 5890)', 'bob@b\u00fccher.example', 'bob@xn--bcher-kva.example'],
    ['an IDN in capitals', 'bob@B\u00dcCHER.example', 'bob@XN--BCHER-KVA.example'],
    ['a domain in two normal forms', 'bob@bu\u0308cher.example', 'bob@b\u00fccher.example'],
    ['a local part in two normal forms (RFC 6532 section 3.1)', 'ju\u0308rgen@example.com', 'J\u00dcRGEN@example.com'],
    ['a Kelvin sign, which is a k', 'bac\u212a@example.com', 'back@example.com'],
    ['quotes that are not needed (RFC 5321 section 4.1.2)', '"john.doe"@example.com', 'john.doe@example.com'],
    ['a backslash that is not needed', '"jo\\hn"@example.com', 'john@example.com'],
    ['needed quotes, with a backslash too many', '"a\\ b"@example.com', '"a b"@example.com'],
    ['quotes beyond ASCII', '"J\u00fcrgen"@example.com', 'j\u00fcrgen@example.com'],
    ['an address literal', 'bob@[IPV6:::1]', 'bob@[ipv6:::1]'],
    ['a pattern over an IDN', '*@*.b\u00fccher.example', '*@*.xn--bcher-kva.example'],
    ['a domain that is no IDN after all', 'a@B\u00dc.1', 'a@b\u00fc.1'],
    ['no address', 'B\u00dcCHER', addressKey('b\u00fccher')],
  ])('%s', (_why, one, other) => {
    expect(addressKey(one)).toBe(addressKey(other));
  });

  it.each([
    ['a dot', 'john.doe@example.com', 'johndoe@example.com'],
    ['a tag', 'john+x@example.com', 'john@example.com'],
    ['a quoted quote', '"a\\"b"@example.com', '"ab"@example.com'],
    ['a quoted at', '"a@b"@example.com', 'a@b@example.com'],
    ['quotes around what is no dot-string', '"a..b"@example.com', 'a..b@example.com'],
    ['an umlaut', 'm\u00fcller@example.com', 'muller@example.com'],
    ['a domain of one host and of another', 'a@b\u00fccher.example', 'a@bucher.example'],
  ])('but %s makes another one', (_why, one, other) => {
    expect(addressKey(one)).not.toBe(addressKey(other));
  });
});

it.each([
  ['GMail.com', 'gmail.com'],
  ['Bücher.example', 'xn--bcher-kva.example'],
  ['[192.0.2.1]', '[192.0.2.1]'],
  // Not a name that DNS could have: it meets itself at least.
  ['\u200d', '\u200d'],
])('the domain %s meets others as %s', (domain, key) => {
  expect(foldDomain(domain)).toBe(key);
});
