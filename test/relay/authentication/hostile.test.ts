// What strangers may send or publish: nothing throws, nothing hangs, and little is asked or kept.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeKey, signMessage } from '../../support/dkim.ts';
import type { Records, Zone } from '../../support/dns.ts';
import { MESSAGE, startExaminer, stranger, type TestExaminer } from '../../support/examiner.ts';

const key = makeKey('rsa');
const SIGNED = signMessage(MESSAGE, key, { d: 'x.example' });
const SIGNATURE = SIGNED.slice(0, -MESSAGE.length);
let examiner: TestExaminer;
beforeEach(async () => {
  examiner = await startExaminer({
    '_dmarc.x.example': { TXT: ['v=DMARC1; p=reject'] },
    'key._domainkey.x.example': { TXT: [key.record] },
  });
});
afterEach(() => examiner.stop());

const keyQuestions = () => examiner.dns.questions.filter(question => question.includes('_domainkey'));

describe('a header', () => {
  it('of 300 signatures: five are looked at, and five keys', async () => {
    const signatures = Array.from({ length: 300 }, (_, n) => signMessage(MESSAGE, key, { d: 'x.example', s: `k${n}` }))
      .map(signed => signed.slice(0, -MESSAGE.length))
      .join('');
    const { dkim } = await examiner.examine(signatures + MESSAGE);
    expect(dkim.map(({ selector }) => selector)).toEqual(['k0', 'k1', 'k2', 'k3', 'k4']);
    expect(keyQuestions()).toHaveLength(5);
  });

  it('with a good signature above those that are too many', async () => {
    const { dkim } = await examiner.examine(SIGNATURE.repeat(20) + MESSAGE);
    expect(dkim.map(({ result }) => result)).toEqual(Array(5).fill('pass'));
  });

  it.each([
    ['5,000 signatures', SIGNATURE.repeat(5_000)],
    ['10,000 lines of one field', `${SIGNATURE}X-A:${' a\r\n'.repeat(10_001)}`],
    ['one huge signature', `DKIM-Signature: v=1; d=x.example; z=${'x'.repeat(200_000)}\r\n`],
    ['a huge h=', `DKIM-Signature: v=1; d=x.example; s=key; a=rsa-sha256; h=${'from:'.repeat(40_000)}\r\n`],
  ])('of %s is not looked at', async (_name, fields) => {
    expect((await examiner.examine(fields + MESSAGE)).dkim).toEqual([]);
    expect(keyQuestions()).toEqual([]);
  });

  it.each([
    ['40 hops', 40, 'the chain is too large'],
    ['the same hop twice', 2, null],
  ])('of a chain with %s fails', async (_name, times, reason) => {
    const hop = ['ARC-Seal: i=1; cv=none; d=x.example; s=key; a=rsa-sha256; b=x', 'ARC-Message-Signature: i=1; b=x'];
    const fields = [...hop, 'ARC-Authentication-Results: i=1; x'].map(field => `${field}\r\n`).join('');
    const { arc } = await examiner.examine(fields.repeat(times) + MESSAGE);
    expect(arc).toEqual({ result: 'fail', reason: reason ?? expect.any(String) });
    expect(keyQuestions()).toEqual([]);
  });

  it('of a chain with a huge field fails', async () => {
    const seal = `ARC-Seal: i=1; cv=none; d=x.example; s=key; a=rsa-sha256; b=${'x'.repeat(20_000)}\r\n`;
    expect((await examiner.examine(seal + MESSAGE)).arc).toEqual({ result: 'fail', reason: 'the chain is too large' });
  });
});

describe('what came with the message', () => {
  it('is kept short and printable in names', async () => {
    const field = `DKIM-Signature: v=1; a=rsa-sha256; h=from; bh=x; b=x; d=\u0000\u001b"<${'x'.repeat(1_000)}; s=é;y\r\n`;
    const { dkim } = await examiner.examine(field + MESSAGE);
    expect(dkim).toMatchObject([{ domain: `????${'x'.repeat(251)}`, result: 'neutral', aligned: false }]);
    expect(dkim[0]!.selector).toMatch(/^\?{1,2}$/);
  });

  it('is kept short and printable in reasons', async () => {
    const seal = `ARC-Seal: i=1; cv=${'é"\u0001'.repeat(300)}; d=x.example; s=key; a=rsa-sha256; b=x\r\n`;
    const fields = `${seal}ARC-Message-Signature: i=1; a=rsa-sha256; d=x.example; s=key; h=from; bh=x; b=x\r\nARC-Authentication-Results: i=1; x\r\n`;
    const { arc } = await examiner.examine(fields + MESSAGE);
    expect(arc).toEqual({ result: 'fail', reason: expect.stringMatching(/^i=1 cv=[\x20-\x7e]{20,93}$/) });
  });
});

describe('a body of 12 MB', () => {
  it('is hashed for four signatures at most', async () => {
    const message = MESSAGE + 'All work and no play makes Jack a dull boy.\r\n'.repeat(270_000);
    const signatures = Array.from({ length: 5 }, (_, n) => signMessage(message, key, { d: 'x.example', l: `${n}` }))
      .map(signed => signed.slice(0, -message.length))
      .join('');
    expect((await examiner.examine(signatures + message)).dkim).toHaveLength(4);
  });
});

describe('SPF', () => {
  const questions = () => examiner.dns.questions.filter(question => !question.includes('_dmarc'));
  const chain = (length: number): Zone =>
    Object.fromEntries(
      Array.from({ length }, (_, n) => [
        n === 0 ? 'b.x.example' : `n${n}.x.example`,
        { TXT: [`v=spf1 include:n${n + 1}.x.example -all`] },
      ]),
    );
  it.each<[string, Zone]>([
    ['of thirty includes', chain(30)],
    ['that includes itself', { 'b.x.example': { TXT: ['v=spf1 include:b.x.example ~all'] } }],
    ['that is redirected to itself', { 'b.x.example': { TXT: ['v=spf1 redirect=b.x.example'] } }],
    ['of many hosts', { 'b.x.example': { TXT: [`v=spf1 ${'a:a%{i}.x.example '.repeat(30)}-all`] } }],
    ['of names that are not there', { 'b.x.example': { TXT: ['v=spf1 a:p.example a:q.example a:r.example -all'] } }],
    [
      'that makes many of one (%{s})',
      { 'b.x.example': { TXT: [`v=spf1 ${'exists:%{ir}.%{l}.%{s}.x.example '.repeat(20)}-all`] } },
    ],
  ])('%s is an error after a dozen look-ups', async (_name, zone) => {
    Object.assign(examiner.dns.zone, zone);
    const { spf } = await examiner.examine(MESSAGE, stranger('198.51.100.1'));
    expect(spf?.result).toBe('permerror');
    expect(questions().length).toBeLessThanOrEqual(12);
  });

  it('of hosts with many addresses each asks for few of them', async () => {
    const hosts = Array.from({ length: 90 }, (_, n) => ({ priority: n, exchange: `mx${n}.x.example` }));
    examiner.dns.zone['b.x.example'] = { TXT: ['v=spf1 mx -all'], MX: hosts };
    expect((await examiner.examine(MESSAGE, stranger('198.51.100.1'))).spf?.result).toMatch(/fail|permerror/);
    expect(questions().length).toBeLessThanOrEqual(24);
  });
});

describe('a DNS that is silent', () => {
  it('is waited for once, and by one message', async () => {
    examiner.dns.zone = { '*': 'silent' };
    const facts = await examiner.examine(SIGNATURE.repeat(5) + MESSAGE, stranger('198.51.100.1'));
    expect(facts).toMatchObject({
      dkim: Array(5).fill({ result: 'temperror' }),
      spf: { result: 'temperror' },
      dmarc: { result: 'temperror' },
      prediction: { willPass: null },
    });
    // Tries are repeated behind the scenes: it is the names that count.
    const asked = new Set(examiner.dns.questions);
    await examiner.examine(SIGNED.replaceAll('x.example', 'y.example'), stranger('198.51.100.2', 'a@z.example'));
    expect(new Set(examiner.dns.questions)).toEqual(asked);
  });

  it('on each of five keys is not waited for five times', async () => {
    // The root answers, so it is those servers that are away and not the DNS.
    const hasty = await startExaminer({ '': {}, '*': 'silent', 'b.x.example': {} }, { maxMs: 1_800 });
    try {
      const signatures = Array.from({ length: 5 }, (_, n) => signMessage(MESSAGE, key, { d: 'x.example', s: `k${n}` }))
        .map(signed => signed.slice(0, -MESSAGE.length))
        .join('');
      // The resolver waits 1 s for each and the examiner 1.8 s for all: the last ones are not asked for any more.
      const { dkim } = await hasty.examine(signatures + MESSAGE);
      expect(dkim.map(({ result }) => result)).toEqual(Array(5).fill('temperror'));
      expect(hasty.dns.questions).toContain('TXT k1._domainkey.x.example');
      expect(hasty.dns.questions).not.toContain('TXT k4._domainkey.x.example');
    } finally {
      await hasty.stop();
    }
  });
});

describe('any bytes', () => {
  const line = fc.oneof(
    fc.constantFrom('DKIM-Signature: ', 'ARC-Seal: i=1; ', 'ARC-Message-Signature: ', 'ARC-Authentication-Results: '),
    fc.constantFrom('From: ', 'Return-Path: <', 'Content-Type: multipart/mixed; ', 'Authentication-Results: ', '\r\n'),
    fc.constantFrom(
      'v=1; ',
      'a=rsa-sha256; ',
      'd=x.example; ',
      's=key; ',
      'h=from; ',
      'bh=x; ',
      'b=x; ',
      'l=-1; ',
      'i=@',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  it('in a message give facts that PostgreSQL takes as JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 30 }), fc.boolean(), async (parts, loggedIn) => {
        const facts = await examiner.examine(parts.join(''), loggedIn ? {} : stranger('198.51.100.1'));
        const json = JSON.stringify(facts);
        expect(JSON.parse(json)).toEqual(facts);
        expect(json).not.toMatch(/\\u0000|\\r|\\n/);
        expect(json.length).toBeLessThan(6_000);
      }),
      { numRuns: 300 },
    );
    expect(examiner.logged).toEqual([]);
  });

  it('in the DNS give facts as well', async () => {
    const text = fc.oneof(
      fc.constantFrom('v=DMARC1; p=', 'v=spf1 include:', 'v=spf1 a:%{d', 'v=DKIM1; p=', 'v=spf1 exists:%{', '; p=MIG'),
      fc.string({ unit: 'binary', maxLength: 30 }),
    );
    const records = fc.array(text, { maxLength: 4 }).map((parts): Records => ({ TXT: [parts.join('')] }));
    await fc.assert(
      fc.asyncProperty(records, records, async (one, other) => {
        const fresh = await startExaminer({ '*': one, 'b.x.example': other });
        try {
          const facts = await fresh.examine(SIGNED, stranger('198.51.100.1'));
          expect(JSON.stringify(facts)).not.toMatch(/\\u0000/);
        } finally {
          await fresh.stop();
        }
      }),
      { numRuns: 100 },
    );
  });
});
