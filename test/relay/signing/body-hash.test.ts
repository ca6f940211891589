import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashBody } from '../../../relay/signing/body-hash.ts';

const sha256 = (text: string) => createHash('sha256').update(text, 'latin1').digest('base64');
const hashOf = (text: string) => hashBody(Buffer.from(text, 'latin1'));

describe('RFC 6376 section 3.4.4: the relaxed body', () => {
  it.each([
    ['nothing', '', ''],
    ['one empty line', '\r\n', ''],
    ['empty lines only', '\r\n\r\n\r\n', ''],
    ['white space only', ' \t \r\n\t\r\n  ', ''],
    ['one line', 'a\r\n', 'a\r\n'],
    ['no last CRLF', 'a', 'a\r\n'],
    ['white space and no last CRLF', 'a \t', 'a\r\n'],
    ['empty lines at the end', 'a\r\n\r\n\r\n', 'a\r\n'],
    ['lines of white space at the end', 'a\r\n \r\n\t\r\n', 'a\r\n'],
    ['empty lines elsewhere', '\r\n\r\na\r\n\r\nb\r\n', '\r\n\r\na\r\n\r\nb\r\n'],
    ['a line of white space elsewhere', 'a\r\n \t\r\nb\r\n', 'a\r\n\r\nb\r\n'],
    ['runs', 'a  b\t\tc \t d\r\n', 'a b c d\r\n'],
    ['a tab alone', 'a\tb\r\n', 'a b\r\n'],
    ['white space at the beginning stays, as one', '  a\r\n', ' a\r\n'],
    ['white space at the ends of lines', 'a \r\nb\t\r\nc  \r\n', 'a\r\nb\r\nc\r\n'],
    ['the example of section 3.4.5', ' C \r\nD \t E\r\n\r\n\r\n', ' C\r\nD E\r\n'],
    ['a no-break space is no white space', 'a\xa0\xa0b\xa0\r\n', 'a\xa0\xa0b\xa0\r\n'],
    ['neither is a form feed', 'a \f\r\n', 'a \f\r\n'],
    ['a bare CR or LF is no line end', 'a \n b\r', 'a \n b\r\r\n'],
  ])('%s', async (_title, body, canonical) => {
    expect(await hashOf(body)).toBe(sha256(canonical));
  });

  it('of nothing has the hash that section 3.4.4 gives', async () => {
    expect(await hashOf('')).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
  });

  it('is the same whatever the pieces, as a plain reading of the section has it', async () => {
    const part = fc.constantFrom(' ', '\t', '  ', '\r\n', 'a', 'bc', '\xe9', '\r', '\n', '.', 'x'.repeat(40_000));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 60 }), async parts => {
        const body = parts.join('');
        expect(await hashOf(body)).toBe(sha256(plainly(body)));
      }),
      { numRuns: 500 },
    );
  });

  it('of a body that is larger than a piece and a turn', async () => {
    const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i}${i % 7 === 0 ? '  with\truns ' : ''}\r\n`);
    const body = `${lines.join('')}\r\n`;
    expect(body.length).toBeGreaterThan(500_000);
    expect(await hashOf(body.repeat(4))).toBe(sha256(plainly(body.repeat(4))));
  });

  it.each([
    ['spaces that no CRLF follows', `${' '.repeat(8_000_000)}x`, ' x\r\n'],
    ['spaces at the end', `x${' '.repeat(8_000_000)}`, 'x\r\n'],
    ['spaces and tabs in turn', `${' \t'.repeat(4_000_000)}x`, ' x\r\n'],
    ['empty lines at the end', `x${'\r\n'.repeat(4_000_000)}`, 'x\r\n'],
    ['one line without an end', 'x y'.repeat(2_700_000), `${'x y'.repeat(2_700_000)}\r\n`],
  ])('does not take for ever: 8 MB of %s', async (_title, body, canonical) => {
    expect(await hashOf(body)).toBe(sha256(canonical));
  });
});

/** The section's steps, one after the other, line by line. */
function plainly(body: string): string {
  const lines = body.split('\r\n').map(line => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''));
  while (lines.length > 0 && lines.at(-1) === '') lines.pop();
  return lines.map(line => `${line}\r\n`).join('');
}
