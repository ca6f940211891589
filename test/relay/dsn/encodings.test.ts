// What is encoded comes back as it was, from whoever reads it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTransfer } from '../../../bounce/mime/transfer-encoding.ts';
import { decodeWords } from '../../../relay/control-headers/encoded-words.ts';
import {
  fieldText,
  fromXtext,
  originalRecipient,
  quotedPrintable,
  typedAddress,
} from '../../../relay/dsn/encodings.ts';

/** Line ends are what the reader makes them. */
const withLf = (text: string) => text.replaceAll('\r\n', '\n');

describe('quoted-printable (RFC 2045 section 6.7)', () => {
  it('gives back any bytes whose lines end in CRLF, in lines of at most 76 characters', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
        const given = Buffer.from(
          Buffer.from(bytes)
            .toString('latin1')
            .replaceAll(/[\r\n]+/g, '\r\n'),
          'latin1',
        );
        const encoded = quotedPrintable(given).toString('latin1');
        expect(withLf(decodeTransfer(encoded, 'quoted-printable'))).toBe(withLf(given.toString('latin1')));
        for (const line of encoded.split('\r\n')) expect(line).toMatch(/^[\x20-\x7e]{0,76}$/);
        expect(encoded).not.toMatch(/ (\r\n|$)/);
      }),
    );
  });
});

describe('text in a field (RFC 2047)', () => {
  it('comes back as it was, in words of at most 75 characters', () => {
    const text = fc
      .string({ unit: 'grapheme', maxLength: 200 })
      .map(some => some.replaceAll(/[\x00-\x1f\x7f]|=\?/g, 'x'));
    fc.assert(
      fc.property(text, some => {
        const field = fieldText(`é${some}`);
        expect(field).toMatch(/^[\x20-\x7e]+(\r\n [\x20-\x7e]+)*$/);
        expect(decodeWords(field.replaceAll('\r\n', ''))).toBe(`é${some}`.toWellFormed());
        for (const word of field.split(/\s+/)) expect(word.length).toBeLessThanOrEqual(75);
      }),
    );
  });

  it('cannot begin another field', () => {
    expect(fieldText('a\r\nBcc: b@x.example')).toBe('a Bcc: b@x.example');
  });
});

describe('xtext (RFC 3461 section 4)', () => {
  it.each([
    ['QQ314159', 'QQ314159'],
    ['a+3Db+2B', 'a=b+'],
    // Line ends and other controls cannot be put into a field; what is decoded must be printable.
    ['a+0D+0ABcc:+20x', 'a+0D+0ABcc:+20x'],
    ['+C3+A9', '+C3+A9'],
    ['50+', '50+'],
  ])('%s is %s', (encoded, plain) => {
    expect(fromXtext(encoded)).toBe(plain);
  });
});

describe('addresses (RFC 3464 section 2.1.2, RFC 6533 section 3)', () => {
  it.each([
    ['joe@x.example', 'rfc822; joe@x.example', 'rfc822; joe@x.example'],
    ['jö@x.example', 'utf-8; j\\x{F6}@x.example', 'utf-8; jö@x.example'],
    ['用@x.example', 'utf-8; \\x{7528}@x.example', 'utf-8; 用@x.example'],
    ['😀@x.example', 'utf-8; \\x{1F600}@x.example', 'utf-8; 😀@x.example'],
  ])('%s', (address, plain, global) => {
    expect(typedAddress(address, false)).toBe(plain);
    expect(typedAddress(address, true)).toBe(global);
  });

  it.each([
    ['rfc822;joe+2Bnews@x.example', 'rfc822; joe+news@x.example', 'rfc822; joe+news@x.example'],
    ['RFC822;joe@x.example', 'rfc822; joe@x.example', 'rfc822; joe@x.example'],
    ['x400;/S=joe/', 'x400; /S=joe/', 'x400; /S=joe/'],
    ['utf-8;j\\x{F6}@x.example', 'utf-8; j\\x{F6}@x.example', 'utf-8; jö@x.example'],
    ['utf-8;jö@x.example', 'utf-8; j\\x{F6}@x.example', 'utf-8; jö@x.example'],
    ['utf-8;a\\x{0D}\\x{D800}b', 'utf-8; a\\x{0D}\\x{D800}b', 'utf-8; a\\x{0D}\\x{D800}b'],
  ])('ORCPT=%s', (orcpt, plain, global) => {
    expect(originalRecipient(orcpt, false)).toBe(plain);
    expect(originalRecipient(orcpt, true)).toBe(global);
  });
});
