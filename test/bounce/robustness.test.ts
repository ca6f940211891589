import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classifyBounce, explainReport, parseReport } from '../../bounce/index.ts';
import { walkMessage } from '../../bounce/mime/walk.ts';
import { ownCorpus } from './corpus.ts';

const kinds = ['dsn', 'nonstandard', 'arf', 'auto-reply', 'not-a-bounce'];
const seeds = ownCorpus.map(message => message.bytes);

describe('any bytes get an answer', () => {
  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3_000 }), bytes => kinds.includes(explainReport(bytes).kind)));
  });

  test('random lines made of what messages are made of', () => {
    const pieces = [
      '--a',
      '--ab',
      '--a--',
      'Content-Type: multipart/mixed; boundary=a',
      'Content-Type: message/rfc822',
      'Content-Type: message/delivery-status',
      '',
      'Final-Recipient: rfc822; joe@example.org',
      'Status: 5.1.1',
      'From: MAILER-DAEMON',
      '<joe@example.org>:',
      '=?utf-8?B?',
      '\x1b$B',
      '=C3=',
      '@',
      '550',
      '5.1.',
      ' x',
    ];
    const lines = fc.array(fc.constantFrom(...pieces), { maxLength: 80 });
    fc.assert(
      fc.property(lines, some => kinds.includes(explainReport(Buffer.from(some.join('\n'))).kind)),
      { numRuns: 500 },
    );
  });

  test('mutated real messages: bytes changed, cut, doubled', () => {
    const mutation = fc.record({
      seed: fc.constantFrom(...seeds),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.nat(400),
      insert: fc.uint8Array({ maxLength: 40 }),
    });
    const property = fc.property(mutation, ({ seed, at, length, insert }) => {
      const start = Math.floor(at * seed.length);
      const mutant = Buffer.concat([seed.subarray(0, start), insert, seed.subarray(Math.max(0, start + length - 200))]);
      return kinds.includes(explainReport(mutant).kind);
    });
    fc.assert(property, { numRuns: 600 });
  });

  test('every prefix of a real message', () => {
    for (const seed of seeds.slice(0, 12)) {
      for (let end = 0; end < Math.min(seed.length, 6_000); end += 97)
        expect(kinds).toContain(parseReport(seed.subarray(0, end)).kind);
    }
  });
});

describe('traps', () => {
  test('a boundary that is the beginning of another one ("a" in "ab") ends', () => {
    const text =
      'Content-Type: multipart/mixed; boundary=ab\n\n--ab\nContent-Type: multipart/mixed; boundary=a\n\n--ab\n\n--a\n\nx\n--ab--\n';
    expect(walkMessage(text).parts.length).toBeLessThan(10);
  });

  test('status fields in the returned message are not ours', () => {
    const report = [
      'From: MAILER-DAEMON@example.net',
      'Subject: Returned mail',
      'Content-Type: multipart/report; boundary=o',
      '',
      '--o',
      'Content-Type: message/delivery-status',
      '',
      'Reporting-MTA: dns; mx.example.net',
      '',
      'Final-Recipient: rfc822; outer@example.org',
      'Action: failed',
      'Status: 5.1.1',
      '',
      '--o',
      'Content-Type: message/rfc822',
      '',
      'Subject: inner',
      'Content-Type: multipart/report; boundary=i',
      '',
      '--i',
      'Content-Type: message/delivery-status',
      '',
      'Final-Recipient: rfc822; inner@example.org',
      'Action: failed',
      'Status: 5.1.1',
      '--i--',
      '--o--',
    ];
    expect(parseReport(Buffer.from(report.join('\n'))).recipients.map(one => one.recipient)).toEqual([
      'outer@example.org',
    ]);
  });

  test('depth and number of parts are bounded', () => {
    const deep = Array.from(
      { length: 400 },
      (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`,
    ).join('');
    expect(Math.max(0, ...walkMessage(deep).parts.map(part => part.depth))).toBeLessThanOrEqual(100);
    const wide = `Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(5_000)}`;
    expect(walkMessage(wide).parts.length).toBeLessThanOrEqual(1_001);
  });

  test.each([
    ['one long header line', (n: number) => `From: MAILER-DAEMON\nSubject: ${'a'.repeat(n)}\n\nx`],
    ['folded header', (n: number) => `From: MAILER-DAEMON\nSubject: x\n${' a\n'.repeat(n / 3)}\n\nx`],
    ['encoded words', (n: number) => `From: MAILER-DAEMON\nSubject: ${'=?utf-8?Q?'.repeat(n / 10)}\n\nx`],
    ['at signs', (n: number) => `From: MAILER-DAEMON\nSubject: failure notice\n\n${'@'.repeat(n)}`],
    ['addresses', (n: number) => `From: MAILER-DAEMON\nSubject: failure notice\n\n${'a@b.example '.repeat(n / 12)}`],
    [
      'address lines',
      (n: number) => `From: MAILER-DAEMON\nSubject: failure notice\n\n${'<a@b.example>: 550 no\n'.repeat(n / 22)}`,
    ],
    ['soft breaks', (n: number) => `Content-Transfer-Encoding: quoted-printable\n\n${'= '.repeat(n / 2)}`],
    ['dashes', (n: number) => `Content-Type: multipart/mixed; boundary=b\n\n${'--\n'.repeat(n / 3)}`],
    ['open tags', (n: number) => `From: MAILER-DAEMON\nContent-Type: text/html\n\n${'<style'.repeat(n / 6)}`],
    [
      'status fields',
      (n: number) =>
        `Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n${'Final-Recipient: x; a@b.c\nStatus: 5.1.1\n'.repeat(n / 40)}--b--`,
    ],
    ['escapes', (n: number) => `Content-Type: text/plain; charset=iso-2022-jp\n\n${'\x1b$B%F'.repeat(n / 5)}`],
    ['one brace', (n: number) => `From: no-reply@sns.amazonaws.com\n\n{"notificationType": ${'{'.repeat(n)}`],
  ])('is read to its end, however much there is of it: %s', (_, make) => {
    // What backtracks or grows with the square of its input would not end within the test's own deadline.
    expect(() => explainReport(Buffer.from(make(2_000_000), 'latin1'))).not.toThrow();
  });

  test('a message of 33 MB is cut and answered', () => {
    const huge = Buffer.concat([
      Buffer.from('From: MAILER-DAEMON@x\nSubject: failure notice\n\n<joe@example.org>:\n550 no such user\n\n'),
      Buffer.alloc(33 * 1024 * 1024, 'x\n'),
    ]);
    expect(explainReport(huge).results).toMatchObject([{ recipient: 'joe@example.org' }]);
  });
});

describe('the classifier ends on whatever it is given', () => {
  test.each(['a', 'user ', 'mailbox ', '550 ', '5.1.1 ', 'user unknown ', '@', '<a@b.c> ', 'ip ', '配', '…'])(
    'on a megabyte of "%s"',
    piece => {
      const text = piece.repeat(1_000_000 / piece.length);
      const verdict = classifyBounce({ status: null, replyCode: null, diagnostic: text, context: text });
      expect(verdict.rule).not.toBe('');
    },
  );
});
