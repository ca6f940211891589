import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddressList } from '../../src/mail/address-list.ts';

describe('the addresses of a From field (RFC 5322 section 3.4)', () => {
  const understood: [string, string[]][] = [
    ['a@x.example', ['a@x.example']],
    ['Ann <a@x.example>', ['a@x.example']],
    ['"Ann, of X <b@y.example>" <a@x.example>', ['a@x.example']],
    ['Ann (b@y.example) <a@x.example> (her work (nested) address)', ['a@x.example']],
    ['=?utf-8?q?b=40y=2Eexample?= <a@x.example>', ['a@x.example']],
    ['a@x.example, Bob <b@y.example>', ['a@x.example', 'b@y.example']],
    ['Friends: a@x.example, Bob <b@y.example>;', ['a@x.example', 'b@y.example']],
    ['Undisclosed: ;', []],
    ['"a b"@x.example', ['"a b"@x.example']],
    ['<"a>b"@x.example>', ['"a>b"@x.example']],
    ['a@[192.0.2.1]', ['a@[192.0.2.1]']],
    ['ünï <dörte@bücher.example>', ['dörte@bücher.example']],
    ['', []],
  ];
  it.each(understood)('%j', (value, expected) => {
    expect(parseAddressList(value)).toEqual(expected);
  });

  it.each([
    ['a source route', '<@relay.example:a@x.example>'],
    ['an address behind the address', '<a@x.example> b@y.example'],
    ['two addresses in brackets', '<a@x.example> <b@y.example>'],
    ['a bracket within brackets', '<a@x.example<b@y.example>>'],
    ['white space within an address', 'a @ x.example'],
    ['a comment within an address', 'a(comment)@x.example'],
    ['an open bracket', 'Ann <a@x.example'],
    ['an open quote', '"Ann <a@x.example>'],
    ['an open comment', '(Ann <a@x.example>'],
    ['an open group', 'Friends: a@x.example'],
    ['a group within a group', 'A: B: a@x.example;;'],
    ['a closing bracket alone', 'a@x.example>'],
    ['a name without an address', 'Ann'],
    ['empty brackets', 'Ann <>'],
    ['a control character', 'Ann\u0000 <a@x.example>'],
  ])('does not guess at %s', (_name, value) => {
    expect(parseAddressList(value)).toBeNull();
  });

  it('never throws, on anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab@x.<>()",;:[]\\ \t') }), value => {
        const addresses = parseAddressList(value);
        expect(addresses === null || Array.isArray(addresses)).toBe(true);
      }),
    );
  });

  it('finds every address among names, comments and groups', () => {
    const address = fc.constantFrom('a@x.example', '"b c"@y.example', 'd@[192.0.2.1]');
    const dressed = fc
      .tuple(
        address,
        fc.constantFrom(
          (a: string) => a,
          (a: string) => `Ann <${a}>`,
          (a: string) => `"x, <y@z>" (c;) <${a}>`,
        ),
      )
      .map(([plain, dress]) => ({ plain, text: dress(plain) }));
    fc.assert(
      fc.property(fc.array(dressed, { minLength: 1, maxLength: 5 }), fc.boolean(), (list, isGroup) => {
        const text = list.map(entry => entry.text).join(', ');
        expect(parseAddressList(isGroup ? `G: ${text};` : text)).toEqual(list.map(entry => entry.plain));
      }),
    );
  });
});
