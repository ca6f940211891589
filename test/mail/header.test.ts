import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countFields, fieldValue, scanHeader, textOf } from '../../src/mail/header.ts';

const names = (text: string) => scanHeader(Buffer.from(text)).fields.map(field => field.name);
const value = (text: string, name: string, maxLength?: number) =>
  fieldValue(Buffer.from(text), scanHeader(Buffer.from(text)), name, maxLength);

describe('the header of a message (RFC 5322 section 2.2)', () => {
  it.each([
    ['fields up to the empty line', 'A: 1\r\nb: 2\r\n\r\nC: 3\r\n', ['a', 'b']],
    ['folded fields', 'A: 1\r\n 2\r\n\t3\r\nB: 4\r\n\r\n', ['a', 'b']],
    ['no empty line', 'A: 1\r\nB: 2\r\n', ['a', 'b']],
    ['no last line end', 'A: 1\r\nB: 2', ['a', 'b']],
    ['white space before the colon (section 4.5)', 'A \t: 1\r\n\r\n', ['a']],
    ['an empty value', 'A:\r\nB: 1\r\n\r\n', ['a', 'b']],
    ['a line that is no field ends it', 'A: 1\r\nno field\r\nB: 2\r\n\r\n', ['a']],
    ["a colon in the next line is not this one's", 'no field\r\nB: 2\r\n\r\n', []],
    ['a name with a space is none', 'A b: 1\r\n\r\n', []],
    ['a name with eight bits is none', 'Ä: 1\r\n\r\n', []],
    ['an empty name is none', ': 1\r\n\r\n', []],
    ['an mbox line is none', 'From a@b Mon Jan 1 00:00:00 2024\r\nA: 1\r\n\r\n', []],
    ['nothing', '', []],
    ['a name of the language', '__proto__: 1\r\nconstructor: 2\r\n\r\n', ['__proto__', 'constructor']],
  ])('%s', (_name, text, expected) => {
    expect(names(text)).toEqual(expected);
  });

  it('knows where it ends, and whether it is one', () => {
    expect(scanHeader(Buffer.from('A: 1\r\n\r\nbody'))).toMatchObject({ length: 6, beginsWithField: true });
    expect(scanHeader(Buffer.from('\r\nbody'))).toMatchObject({ length: 0, beginsWithField: true });
    expect(scanHeader(Buffer.from('body'))).toMatchObject({ length: 0, beginsWithField: false });
  });

  it.each([
    ['the first of several', 'A: 1\r\nA: 2\r\n\r\n', '1'],
    ['unfolded', 'A: one\r\n two\r\n\tthree\r\n\r\n', 'one two\tthree'.replace('\t', ' ')],
    ['without control characters', 'A: a\x1bb\x00c\r\n\r\n', 'a b c'],
    ['in UTF-8', 'A: bücher\r\n\r\n', 'bücher'],
    ['without half a character', 'A: \ud83d\ude00\r\n\r\n', '\ud83d\ude00'],
  ])('gives the value %s', (_name, text, expected) => {
    expect(value(text, 'a')).toBe(expected);
  });

  it('gives no more of a value than is asked for, and never half a character pair', () => {
    expect(value(`A: ${'x'.repeat(5_000)}\r\n\r\n`, 'a')).toHaveLength(998);
    expect(value('A: ab\ud83d\ude00\r\n\r\n', 'a', 3)!.isWellFormed()).toBe(true);
  });

  it('counts a field by its name', () => {
    const header = scanHeader(Buffer.from('Received: 1\r\nreceived: 2\r\nX: 3\r\n\r\nReceived: 4\r\n'));
    expect(countFields(header, 'received')).toBe(2);
  });

  it('is scanned no further than policy would allow, however many fields there are', () => {
    const header = scanHeader(Buffer.from('a:\r\n'.repeat(500_000)));
    expect(header.fields.length).toBeGreaterThan(1_000);
    expect(header.fields.length).toBeLessThan(20_000);
  });

  it('tells each of several fields of one name', () => {
    const content = Buffer.from('A: one\r\nB: x\r\nA: two\r\n\tlines\r\n\r\n');
    const fields = scanHeader(content).fields.filter(({ name }) => name === 'a');
    expect(fields.map(field => textOf(content, field))).toEqual(['one', 'two lines']);
  });

  it('is scanned without a throw, whatever the bytes, and fields are ranges of it that follow each other', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .string({ unit: fc.constantFrom('a', ':', ' ', '\r\n', '\r', '\n', '\t', 'é'), maxLength: 60 })
        .map(text => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, data => {
        const content = Buffer.from(data);
        const header = scanHeader(content);
        let position = 0;
        for (const field of header.fields) {
          expect(field.start).toBe(position);
          expect(field.valueStart).toBeGreaterThan(field.start);
          expect(field.end).toBeGreaterThanOrEqual(field.valueStart);
          position = field.end;
          fieldValue(content, header, field.name);
        }
        expect(header.length).toBe(position);
        expect(position).toBeLessThanOrEqual(content.length);
      }),
    );
  });
});
