import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Collected, ContentCollector } from '../../../relay/listener/content-collector.ts';

const MAX = 1_000_000;

/** What comes of the bytes in these pieces, and what was left behind the end. */
function collect(pieces: readonly (string | Buffer)[], maxBytes = MAX): { collected: Collected | null; rest: string } {
  const collector = new ContentCollector(maxBytes);
  const buffers = pieces.map(piece => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece));
  for (const [i, piece] of buffers.entries()) {
    const end = collector.push(piece);
    if (end < 0) continue;
    const rest = Buffer.concat([piece.subarray(end), ...buffers.slice(i + 1)]);
    return { collected: collector.finish(), rest: rest.toString('latin1') };
  }
  return { collected: null, rest: '' };
}

function said({ collected, rest }: ReturnType<typeof collect>): string {
  if (collected === null) return 'more';
  const what = {
    content: () => (collected.kind === 'content' ? JSON.stringify(collected.content.toString('latin1')) : ''),
    'too-large': () => 'too large',
    malformed: () => (collected.kind === 'malformed' ? collected.problem : ''),
  }[collected.kind]();
  return rest ? `${what} | ${rest}` : what;
}

const TABLE: [string, string, string][] = [
  ['a message', 'a\r\n.\r\n', '"a\\r\\n"'],
  ['nothing at all', '.\r\n', '""'],
  ['what is pipelined behind it', 'a\r\n.\r\nMAIL FROM:<x>\r\n', '"a\\r\\n" | MAIL FROM:<x>\r\n'],
  ['a second end is no content of it', '.\r\n.\r\n', '"" | .\r\n'],
  ['no end yet', 'a\r\n.\r', 'more'],
  ['a dot alone is the end, doubled it is a dot (RFC 5321 section 4.5.2)', '..\r\n.\r\n', '".\\r\\n"'],
  ['a doubled dot in each line', '..a\r\n...\r\n.\r\n', '".a\\r\\n..\\r\\n"'],
  ['a line that begins with an undoubled dot loses it', '.x\r\n.\r\n', '"x\\r\\n"'],
  ['a dot in the middle of a line', 'a.\r\nb.c\r\n.\r\n', '"a.\\r\\nb.c\\r\\n"'],
  ['empty lines before the end', '\r\n\r\n.\r\n', '"\\r\\n\\r\\n"'],
  // Smuggling (CVE-2023-51764 and its relatives): none of these is the end, and all of it is refused at the real one.
  ['LF . LF', 'a\n.\nMAIL FROM:<x>\r\n.\r\n', 'bare LF'],
  ['LF . CRLF', 'a\n.\r\nMAIL FROM:<x>\r\n.\r\n', 'bare LF'],
  ['CRLF . LF', 'a\r\n.\nMAIL FROM:<x>\r\n.\r\n', 'bare LF'],
  ['CR . CR', 'a\r.\rMAIL FROM:<x>\r\n.\r\n', 'bare CR'],
  ['CR . CRLF', 'a\r.\r\nMAIL FROM:<x>\r\n.\r\n', 'bare CR'],
  ['CRLF . CR', 'a\r\n.\rMAIL FROM:<x>\r\n.\r\n', 'bare CR'],
  ['CR LF NUL . CRLF', 'a\r\n\0.\r\nMAIL FROM:<x>\r\n.\r\n', 'NUL'],
  ['CRLF . NUL CRLF', 'a\r\n.\0\r\nMAIL FROM:<x>\r\n.\r\n', 'NUL'],
  ['CR CR LF . CRLF', 'a\r\r\n.\r\n', 'bare CR'],
  ['a bare LF as the first byte', '\na\r\n.\r\n', 'bare LF'],
  ['a bare CR as the last byte of a line', 'a\r\r\n.\r\n', 'bare CR'],
  ['a line of 65,536 octets', `${'a'.repeat(65_535)}\r\n.\r\n`, JSON.stringify(`${'a'.repeat(65_535)}\r\n`)],
  ['a longer one', `${'a'.repeat(65_537)}\r\n.\r\n`, 'line too long'],
];

describe('the content of one DATA command', () => {
  it.each(TABLE)('%s', (_name, bytes, expected) => {
    expect(said(collect([bytes]))).toBe(expected);
  });

  it('is the same however TCP cuts it: byte by byte, and at every place', () => {
    for (const [, bytes, expected] of TABLE.filter(([, text]) => text.length < 100)) {
      expect(said(collect(bytes.split('')))).toBe(expected);
      for (let cut = 1; cut < bytes.length; cut += 1) {
        expect(said(collect([bytes.slice(0, cut), bytes.slice(cut)]))).toBe(expected);
      }
    }
  });

  it('is the same in any pieces, for any bytes', () => {
    const token = fc.constantFrom('\r\n', '\r', '\n', '.', '..', 'a', '\r\n.', '\0', '\r\n..\r\n');
    const bytes = fc.array(token, { maxLength: 40 }).map(tokens => `${tokens.join('')}\r\n.\r\nQUIT\r\n`);
    fc.assert(
      fc.property(bytes, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (text, sizes) => {
        const pieces: string[] = [];
        for (let at = 0, i = 0; at < text.length; i += 1) {
          const size = sizes[i % sizes.length]!;
          pieces.push(text.slice(at, at + size));
          at += size;
        }
        expect(said(collect(pieces))).toBe(said(collect([text])));
      }),
    );
  });

  it('ends where the first CRLF.CRLF stands, and nowhere else', () => {
    const token = fc.constantFrom('\r\n', '\r', '\n', '.', 'a');
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), tokens => {
        const text = `${tokens.join('')}\r\n.\r\nrest`;
        const at = `\r\n${text}`.indexOf('\r\n.\r\n');
        expect(collect([text]).rest).toBe(`\r\n${text}`.slice(at + 5));
      }),
    );
  });

  it('holds nothing in memory once it is too large, and says so at its end', () => {
    const collector = new ContentCollector(100_000);
    const piece = Buffer.from(`${'a'.repeat(998)}\r\n`);
    for (let i = 0; i < 1_000; i += 1) collector.push(piece);
    expect(collector.stored).toBe(0);
    expect(collector.received).toBe(1_000_000);
    collector.push(Buffer.from('.\r\n'));
    expect(collector.finish()).toEqual({ kind: 'too-large' });
  });

  it('may have exactly the largest size, dots doubled not counted', () => {
    const line = `..${'a'.repeat(97)}\r\n`;
    const text = `${line.repeat(10)}.\r\n`;
    expect(collect([text], 1_000).collected).toMatchObject({ kind: 'content' });
    expect(collect([text], 999).collected).toEqual({ kind: 'too-large' });
  });

  it('is a copy: what comes in the same buffer afterwards changes nothing', () => {
    const collector = new ContentCollector(MAX);
    const shared = Buffer.from('abc');
    collector.push(shared);
    shared.fill('x');
    collector.push(Buffer.from('\r\n.\r\n'));
    expect(collector.finish()).toEqual({ kind: 'content', content: Buffer.from('abc\r\n') });
  });
});
