import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReply, isPermanent, isPositive, parseReplyLines } from '../../src/mail/reply.ts';

describe('a reply (RFC 5321 section 4.2, RFC 2034)', () => {
  it.each([
    ['with an enhanced code', 250, ['2.1.5 ok'], { enhanced: '2.1.5', text: 'ok' }],
    ['without one', 250, ['ok'], { enhanced: null, text: 'ok' }],
    ['with nothing else', 250, ['2.0.0'], { enhanced: '2.0.0', text: '' }],
    ['empty', 250, [''], { enhanced: null, text: '' }],
    ['no line', 250, [], { enhanced: null, text: '' }],
    ['in several lines', 550, ['5.1.1 no such', '5.1.1 user'], { enhanced: '5.1.1', text: 'no such user' }],
    ['a later line without it', 550, ['5.1.1 no such', 'user'], { enhanced: '5.1.1', text: 'no such user' }],
    ['an address that looks like one', 550, ['5.1.1.1 is blocked'], { enhanced: null, text: '5.1.1.1 is blocked' }],
    ['three digits', 550, ['5.7.515 no'], { enhanced: '5.7.515', text: 'no' }],
    ['no such class', 550, ['3.1.1 no'], { enhanced: null, text: '3.1.1 no' }],
    ['control characters', 550, ['5.1.1 a\tb\x1b[31mc\u009b'], { enhanced: '5.1.1', text: 'a b [31mc' }],
  ])('%s', (_name, code, lines, expected) => {
    expect(parseReplyLines(code, lines)).toEqual({ code, ...expected });
  });

  it('is positive below 400 and permanent from 500', () => {
    const codes = [250, 354, 421, 450, 500, 554].map(code => ({ code, enhanced: null, text: '' }));
    expect(codes.map(isPositive)).toEqual([true, true, false, false, false, false]);
    expect(codes.map(isPermanent)).toEqual([false, false, false, false, true, true]);
  });

  it('is one printable line, whatever was said', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), lines => {
        expect(formatReply(parseReplyLines(550, lines))).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });
});
