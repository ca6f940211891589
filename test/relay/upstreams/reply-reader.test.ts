import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError, ReplyReader } from '../../../relay/upstreams/reply-reader.ts';
import { formatReply } from '../../../src/mail/reply.ts';

function read(...chunks: string[]): string[] {
  const reader = new ReplyReader();
  return chunks.flatMap(chunk => reader.push(Buffer.from(chunk)).map(({ reply }) => formatReply(reply)));
}

describe('replies out of a byte stream (RFC 5321 section 4.2.1)', () => {
  it.each([
    ['one line', '250 2.0.0 ok\r\n', ['250 2.0.0 ok']],
    ['several lines', '250-a\r\n250-b\r\n250 c\r\n', ['250 a b c']],
    ['a code alone', '250\r\n', ['250 ']],
    ['several replies', '250 a\r\n550 b\r\n', ['250 a', '550 b']],
    ['LF alone, as some say it', '250 a\n', ['250 a']],
    ['an unfinished one', '250 a', []],
    ['an unfinished group', '250-a\r\n250-b\r\n', []],
    ['eight bits', '550 no such user: bücher\r\n', ['550 no such user: bücher']],
  ])('%s', (_name, bytes, expected) => {
    expect(read(bytes)).toEqual(expected);
  });

  it('come out the same in any pieces', () => {
    const text = '220 hi\r\n250-a\r\n250-b\r\n250 c\r\n550 5.1.1 no\r\n';
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), sizes => {
        const chunks: string[] = [];
        for (let at = 0, i = 0; at < text.length; i += 1) {
          const size = sizes[i % sizes.length]!;
          chunks.push(text.slice(at, at + size));
          at += size;
        }
        expect(read(...chunks)).toEqual(['220 hi', '250 a b c', '550 5.1.1 no']);
      }),
    );
  });

  it.each([
    ['no code', 'hello\r\n'],
    ['an empty line', '\r\n'],
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n'],
    ['a code of the 1xx', '150 a\r\n'],
    ['a code of the 6xx', '650 a\r\n'],
    ['four digits', '2500 a\r\n'],
    ['codes that differ within one', '250-a\r\n550 b\r\n'],
    ['a line beyond 4,096 octets', `250 ${'a'.repeat(4_096)}\r\n`],
    ['a line that does not end', 'a'.repeat(4_097)],
    ['more than 100 lines', '250-a\r\n'.repeat(101)],
    ['more than 64 KB', `250-${'a'.repeat(4_000)}\r\n`.repeat(17)],
    ['TLS where none was asked for', '\x16\x03\x01\x02\n'],
  ])('are none, and that is an error: %s (THREATS 17)', (_name, bytes) => {
    expect(() => read(bytes)).toThrow(ProtocolError);
  });

  it('are kept no longer than a line, however the line is dribbled', () => {
    const reader = new ReplyReader();
    expect(() => {
      for (let i = 0; i < 5_000; i += 1) reader.push(Buffer.from('a'));
    }).toThrow(ProtocolError);
  });

  it('never fail in any other way, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), chunks => {
        const reader = new ReplyReader();
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
