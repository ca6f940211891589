// DNS messages byte by byte: what is asked, what is read, and that no bytes do more than fail.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeReply, encodeQuestion, type WireType } from '../../src/platform/dns-message.ts';

/** A reply to `MX x.example`, with an answer whose name points at the question (RFC 1035 section 4.1.4). */
const QUESTION = '0178076578616d706c6500000f0001';
const header = (flags: string, answers: number) => `1234${flags}0001${answers.toString(16).padStart(4, '0')}00000000`;
const mx = (target: string) => `c00c000f00010000003c${target}`;
const TO_MX_X_EXAMPLE = '0007000a026d78c00c';

const decode = (hex: string, type: WireType = 'MX') =>
  decodeReply(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 0x1234, 'x.example', type);

describe('a question', () => {
  it('asks for recursion, to be told what was validated (RFC 6840 section 5.7), and says how much fits', () => {
    expect(encodeQuestion(0x1234, 'x.example', 'MX').toString('hex')).toBe(
      `1234 0120 0001 0000 0000 0001 ${QUESTION} 00 0029 04d0 0000 0000 0000`.replaceAll(' ', ''),
    );
  });

  it.each(['a'.repeat(64), 'a.'.repeat(130)])('is not asked about %s', name => {
    expect(() => encodeQuestion(1, name, 'A')).toThrow('no DNS name');
  });
});

describe('a reply', () => {
  const records = [{ type: 'MX', priority: 10, exchange: 'mx.x.example' }];

  it.each([
    ['8180', { code: 0, isValidated: false, isTruncated: false }],
    ['81a0', { code: 0, isValidated: true, isTruncated: false }],
  ])('with the flags %s', (flags, expected) => {
    const reply = decode(`${header(flags, 1)}${QUESTION}${mx(TO_MX_X_EXAMPLE)}`);
    expect(reply).toEqual({ ...expected, records, ttl: 60 });
  });

  it('that did not fit has no records', () => {
    const reply = decode(`${header('8380', 1)}${QUESTION}`);
    expect(reply).toMatchObject({ isTruncated: true, records: [] });
  });

  it('that says no says which no', () => {
    expect(decode(`${header('8183', 0)}${QUESTION}`)).toMatchObject({ code: 3, records: [], ttl: null });
  });

  it.each([
    ['to another question', `${header('8180', 0)}0179076578616d706c6500000f0001`],
    ['with another id', `4321${header('8180', 0).slice(4)}${QUESTION}`],
    ['about another type', `${header('8180', 0)}0178076578616d706c650000010001`],
    ['that is a question', `${header('0100', 0)}${QUESTION}`],
    ['that is cut off', header('8180', 0)],
  ])('%s is none', (_what, hex) => expect(decode(hex)).toBeNull());

  it.each([
    ['whose name points at itself', mx('0004000ac02f')],
    ['whose name points forward', mx('0004000ac0ff')],
    ['that is longer than the message', mx('00ff000a00')],
    ['whose label is of an unknown kind', mx('0004000a8000')],
    ['that is missing', ''],
  ])('with a record %s cannot be read', (_what, record) => {
    expect(() => decode(`${header('8180', 1)}${QUESTION}${record}`)).toThrow();
  });

  it('never does anything but fail, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 40 }), (tail, answers) => {
        const message = Buffer.concat([Buffer.from(`${header('8180', answers)}${QUESTION}`, 'hex'), tail]);
        try {
          decodeReply(message, 0x1234, 'x.example', 'MX');
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
