import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProxyHeader } from '../../../relay/listener/proxy-header.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const parse = (bytes: string | Buffer) =>
  parseProxyHeader(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
const v2 = (hex: string) => Buffer.from((SIGNATURE + hex).replaceAll(' ', ''), 'hex');
const LONGEST = `PROXY TCP6 ${'2001:0db8:0000:0000:0000:0000:0000:0001'} ${'2001:0db8:0000:0000:0000:0000:0000:0002'} 65535 65535\r\n`;

describe('version 1 (section 2.1)', () => {
  it.each([
    ['PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n', { address: '192.0.2.1', port: 56324 }],
    ['PROXY TCP6 2001:DB8::1 2001:db8::2 1 25\r\n', { address: '2001:db8::1', port: 1 }],
    ['PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 25\r\n', { address: '192.0.2.1', port: 1 }],
    [LONGEST, { address: '2001:db8::1', port: 65535 }],
    ['PROXY UNKNOWN\r\n', null],
    ['PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n', null],
  ])('%j', (line, client) => {
    expect(parse(`${line}EHLO x\r\n`)).toEqual({ kind: 'header', length: line.length, client });
  });

  it.each([
    'EHLO client.example\r\n',
    'proxy TCP4 192.0.2.1 192.0.2.2 1 25\r\n',
    'PROXY\r\n',
    'PROXY TCP5 192.0.2.1 192.0.2.2 1 25\r\n',
    'PROXY TCP4 2001:db8::1 192.0.2.2 1 25\r\n',
    'PROXY TCP6 192.0.2.1 192.0.2.2 1 25\r\n',
    'PROXY TCP4 300.0.2.1 192.0.2.2 1 25\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 25 26\r\n',
    'PROXY TCP4  192.0.2.1 192.0.2.2 1 25\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 25\n'.padEnd(107, 'x'),
    'PROXY UNKNOWN\0\r\n',
    `PROXY UNKNOWN ${'x'.repeat(93)}`,
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
  ])('%j is malformed', line => {
    expect(parse(line)).toEqual({ kind: 'malformed' });
  });
});

describe('version 2 (section 2.2)', () => {
  const INET = '21 11 000c c0000201 c0000202 dc04 0019';
  const INET6 = `21 21 0024 ${'20010db8000000000000000000000001'.repeat(2)} dc04 0019`;
  it.each([
    ['IPv4', INET, { address: '192.0.2.1', port: 56324 }],
    ['IPv6', INET6, { address: '2001:db8::1', port: 56324 }],
    [
      'IPv4 with more behind the addresses',
      '21 11 0010 c0000201 c0000202 dc04 0019 04 000100',
      { address: '192.0.2.1', port: 56324 },
    ],
    [
      'IPv4 within IPv6',
      `21 21 0024 ${'00000000000000000000ffffc0000201'.repeat(2)} dc04 0019`,
      { address: '192.0.2.1', port: 56324 },
    ],
    ['LOCAL, with addresses that are not looked at', '20 11 000c 00000000 00000000 0000 0000', null],
    ['LOCAL, bare', '20 00 0000', null],
    ['an unspecified family', '21 00 0000', null],
    ['a Unix socket', `21 31 00d8 ${'00'.repeat(216)}`, null],
  ])('%s', (_name, hex, client) => {
    const bytes = v2(hex);
    expect(parse(Buffer.concat([bytes, Buffer.from('EHLO')]))).toEqual({
      kind: 'header',
      length: bytes.length,
      client,
    });
  });

  it.each([
    ['another version', '11 11 000c c0000201 c0000202 dc04 0019'],
    ['another command', '22 11 000c c0000201 c0000202 dc04 0019'],
    ['UDP', '21 12 000c c0000201 c0000202 dc04 0019'],
    ['another family', '21 51 000c c0000201 c0000202 dc04 0019'],
    ['too short for its addresses', '21 11 000b c0000201 c0000202 dc04 00'],
    ['too short for IPv6', '21 21 000c c0000201 c0000202 dc04 0019'],
    ['too long, before it has come', '21 11 1001'],
  ])('%s is malformed', (_name, hex) => {
    expect(parse(v2(hex))).toEqual({ kind: 'malformed' });
  });

  it.each([INET, INET6, '20 00 0000'])('wants more until all of it has come: %s', hex => {
    const bytes = v2(hex);
    for (let length = 0; length < bytes.length; length += 1)
      expect(parse(bytes.subarray(0, length))).toEqual({ kind: 'more' });
  });
});

it('a line wants more until its end, and no more than 107 bytes', () => {
  expect(LONGEST).toHaveLength(104);
  for (let length = 0; length < LONGEST.length; length += 1)
    expect(parse(LONGEST.slice(0, length))).toEqual({ kind: 'more' });
});

it('any bytes are a header, malformed, or too few: never a throw, never unbounded', () => {
  const begun = fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', 'PROXY UNKNOWN ').map(text => Buffer.from(text));
  const start = fc.oneof(begun, fc.constant(Buffer.from(SIGNATURE, 'hex')), fc.constant(v2('21 11')));
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
      const bytes = Buffer.concat([head, tail]);
      const header = parse(bytes);
      if (header.kind === 'header') expect(header.length).toBeLessThanOrEqual(bytes.length);
      expect(parse(Buffer.concat([bytes, Buffer.alloc(5_000)])).kind).not.toBe('more');
    }),
  );
});
