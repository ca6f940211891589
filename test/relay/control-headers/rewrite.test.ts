import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findControlFields } from '../../../relay/control-headers/read.ts';
import { rewriteHeader } from '../../../relay/control-headers/rewrite.ts';
import { scanHeader } from '../../../src/mail/header.ts';

function rewritten(text: string): string {
  const content = Buffer.from(text, 'latin1');
  const header = scanHeader(content);
  return rewriteHeader(content, header, findControlFields(header)).toString('latin1');
}

describe('the header without control fields', () => {
  it.each([
    ['nothing to remove', 'A: 1\r\nB: 2\r\n', 'A: 1\r\nB: 2\r\n'],
    ['the first', 'X-PM-Tag: a\r\nB: 2\r\n\r\nbody', 'B: 2\r\n'],
    ['the last', 'A: 1\r\nX-PM-Tag: a\r\n\r\nbody', 'A: 1\r\n'],
    ['with its folds', 'A: 1\r\nX-PM-Tag: a\r\n b\r\n\tc\r\nB: 2\r\n f\r\n', 'A: 1\r\nB: 2\r\n f\r\n'],
    [
      'several, and odd ones',
      'x-pm-TAG \t:a\r\nA:1\r\nX-Postern-:b\r\nX-SMTPAPI:\r\n {}\r\nB : 2\r\n',
      'A:1\r\nB : 2\r\n',
    ],
    ['all there is', 'X-PM-Tag: a\r\n\r\nbody', ''],
    ['without a line end', 'A: 1\r\nX-PM-Tag: a', 'A: 1\r\n'],
    ['bytes that are no text', 'A: \xff\x80\r\nX-PM-Tag: \xff\r\nB: \xfe\r\n', 'A: \xff\x80\r\nB: \xfe\r\n'],
    ['no header', 'body', ''],
  ])('%s', (_what, text, expected) => {
    expect(rewritten(text)).toBe(expected);
  });

  it('has every other field byte for byte in its order, and none of ours', () => {
    const field = fc
      .tuple(
        fc.constantFrom('Subject', 'X-Other', 'x-pm-tag', 'X-Postern-Tag ', 'X-SMTPAPI', 'Received', 'X-Postal-Tag'),
        fc.array(fc.string({ unit: fc.constantFrom('a', ' ', ':', '\xff', '\t'), maxLength: 6 }), { minLength: 1 }),
      )
      .map(([name, folds]) => `${name}:${folds.join('\r\n ')}\r\n`);
    fc.assert(
      fc.property(fc.array(field), fields => {
        const kept = fields.filter(text => /^(subject|x-other|received)/i.test(text));
        expect(rewritten(`${fields.join('')}\r\nX-PM-Tag: in the body\r\n`)).toBe(kept.join(''));
      }),
    );
  });
});
