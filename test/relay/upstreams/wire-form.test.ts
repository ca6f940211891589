import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContentCollector } from '../../../relay/listener/content-collector.ts';
import { LAST_DOT, toWireForm } from '../../../relay/upstreams/wire-form.ts';

const wire = (...parts: string[]) => Buffer.concat(toWireForm(parts.map(part => Buffer.from(part)))).toString();

describe('content on the wire (RFC 5321 section 4.5.2)', () => {
  it.each([
    ['no dots', ['a\r\nb\r\n'], 'a\r\nb\r\n'],
    ['a dot first', ['.a\r\n'], '..a\r\n'],
    ['a dot alone', ['.\r\n'], '..\r\n'],
    ['dots in each line', ['.\r\n.\r\n..\r\n'], '..\r\n..\r\n...\r\n'],
    ['a dot inside a line', ['a.b\r\n'], 'a.b\r\n'],
    ['a dot first in the second part', ['A: 1\r\n', '.b\r\n'], 'A: 1\r\n..b\r\n'],
    ['an empty part', ['A: 1\r\n', ''], 'A: 1\r\n'],
    ['no line end at the end', ['a'], 'a\r\n'],
    ['nothing', [''], ''],
  ])('%s', (_name, parts, expected) => {
    expect(wire(...parts)).toBe(expected);
  });

  it('is a few pieces, however many lines begin with a dot', () => {
    const content = Buffer.from('.\r\n'.repeat(100_000));
    const pieces = toWireForm([content]);
    expect(pieces.length).toBeLessThan(100);
    expect(Buffer.concat(pieces).equals(Buffer.from('..\r\n'.repeat(100_000)))).toBe(true);
  });

  it('comes back as it was for whoever reads it as the standard says', () => {
    const token = fc.constantFrom('\r\n', '.', '..', 'a', '\r\n.', 'ü');
    fc.assert(
      fc.property(fc.array(token, { maxLength: 400 }), tokens => {
        const content = Buffer.from(tokens.length ? `${tokens.join('')}\r\n` : '');
        const collector = new ContentCollector(10_000);
        const bytes = Buffer.concat([...toWireForm([content]), LAST_DOT]);
        expect(collector.push(bytes)).toBe(bytes.length);
        expect(collector.finish()).toEqual({ kind: 'content', content });
      }),
    );
  });
});
