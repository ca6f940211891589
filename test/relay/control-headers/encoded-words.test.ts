import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWords } from '../../../relay/control-headers/encoded-words.ts';

describe('encoded words (RFC 2047)', () => {
  it.each([
    ['none', 'plain text', 'plain text'],
    ['Q, with its underscores (section 4.2)', '=?iso-8859-1?q?Gr=FC=DFe_an?= alle', 'Grüße an alle'],
    ['B (section 4.1)', '=?UTF-8?B?R3LDvMOfZQ==?=', 'Grüße'],
    ['white space between two is none (section 6.2)', '=?utf-8?q?a?=  =?utf-8?q?b?=', 'ab'],
    ['between two charsets too', '=?utf-8?q?a?= =?iso-8859-1?q?=FC?=', 'aü'],
    ['text between two stays', '=?utf-8?q?a?= and =?utf-8?q?b?=', 'a and b'],
    ['a character that is split over two', '=?utf-8?b?w7w=?= =?utf-8?q?=C3?= =?utf-8?q?=BC?=', 'üü'],
    ['a language (RFC 2231 section 5)', '=?utf-8*de?q?a?=', 'a'],
    ['inside other text', 'x=?utf-8?q?a?=y', 'xay'],
    ['not one', '=?utf-8?x?a?= =? =?q?', '=?utf-8?x?a?= =? =?q?'],
    ['no bytes', '=?utf-8?q??=', ''],
    ['a charset that is not known', '=?klingon?q?a?=', null],
    ['what is not in its charset', '=?utf-8?q?=FC?=', null],
  ])('%s', (_what, text, expected) => {
    expect(decodeWords(text)).toBe(expected);
  });

  it('bring back any text', () => {
    const word = (text: string) => `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), text => {
        expect(decodeWords(word(text))).toBe(text.replace(/^\ufeff/, ''));
      }),
    );
  });

  it('are looked for in time that grows with the text, not with its square', () => {
    for (const piece of ['=?', '=?u', '=?utf-8?q?', '=?utf-8?q?a? ', '=?a?b']) {
      const text = piece.repeat(200_000);
      expect([piece, decodeWords(text) === text]).toEqual([piece, true]);
    }
  });
});
