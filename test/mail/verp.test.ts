import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MessageId } from '../../src/mail/submission.ts';
import { findTokens, issueToken, type ReturnPathKey, readToken, returnPath, tokenOf } from '../../src/mail/verp.ts';

const key = (id: string): ReturnPathKey => ({ id, secret: randomBytes(32) });
const K1 = key('K1');
const NOW = Date.UTC(2026, 10, 23, 15);
const DAY = 86_400_000;
const ID = '01KAR2Z4X0FQ3ZC4M8Y5T6V7W8' as MessageId;
const ISSUED = { messageId: ID, n: 3 };
const TOKEN = issueToken(ISSUED, K1, NOW);

describe('a return path of ours', () => {
  it('fits into a local part with room to spare, and is plain lower case', () => {
    const address = returnPath(ISSUED, 'bounces.example.com', K1, NOW);
    expect(address).toMatch(/^b\+[0-9a-z]{56}@bounces\.example\.com$/);
    expect(address.indexOf('@')).toBeLessThanOrEqual(62);
  });

  it('names its delivery', () => {
    expect(readToken(TOKEN, [K1], NOW)).toEqual({ kind: 'valid', ...ISSUED });
  });

  it('is read whatever became of its case', () => {
    expect(readToken(TOKEN.toUpperCase(), [K1], NOW)).toMatchObject({ kind: 'valid' });
    expect(tokenOf(`B+${TOKEN.toUpperCase()}@Bounces.Example.COM`, 'bounces.example.com')).toBe(TOKEN);
  });

  it('for a whole message names no recipient', () => {
    const token = issueToken({ messageId: ID, n: null }, K1, NOW);
    expect(readToken(token, [K1], NOW)).toEqual({ kind: 'valid', messageId: ID, n: null });
  });

  it('names each of a million recipients', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_999_999 }), n => {
        expect(readToken(issueToken({ messageId: ID, n }, K1, NOW), [K1], NOW)).toEqual({
          kind: 'valid',
          messageId: ID,
          n,
        });
      }),
    );
  });
});

describe('a token', () => {
  it.each([
    ['on its day', 0, 'valid'],
    ['after 30 days', 30, 'valid'],
    ['after 31 days', 31, 'expired'],
    ['from tomorrow: clocks differ', -1, 'valid'],
    ['from next week', -7, 'expired'],
  ])('%s is %3$s', (_when, days, kind) => {
    expect(readToken(TOKEN, [K1], NOW + days * DAY).kind).toBe(kind);
  });

  it('is forged when any of its digits was changed', () => {
    const changed = [...TOKEN].map((digit, i) => TOKEN.slice(0, i) + (digit === '0' ? '1' : '0') + TOKEN.slice(i + 1));
    const kinds = changed.map(token => readToken(token, [K1], NOW).kind);
    expect(kinds).not.toContain('valid');
    expect(kinds).not.toContain('expired');
  });

  it('of another installation is not taken for ours', () => {
    expect(readToken(issueToken(ISSUED, key('K2'), NOW), [K1], NOW)).toEqual({ kind: 'unknown-key' });
    expect(readToken(issueToken(ISSUED, key('K1'), NOW), [K1], NOW)).toEqual({ kind: 'forged' });
  });

  it('of an older key of the ring is still believed', () => {
    expect(readToken(TOKEN, [key('K9'), K1], NOW)).toMatchObject({ kind: 'valid' });
  });

  it('is anything without throwing, and valid never', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), text => {
        expect(readToken(text, [K1], NOW).kind).not.toBe('valid');
      }),
    );
  });
});

describe('tokens in a text', () => {
  const address = returnPath(ISSUED, 'b.example', K1, NOW);

  it('are found wherever they stand, each once', () => {
    const text = `To: <${address}>\r\nX-Postfix-Sender: rfc822; ${address.toUpperCase()}\r\nTo: b+short@b.example`;
    expect(findTokens(text, 'b.example', 10)).toEqual([TOKEN]);
  });

  it('of other domains are none', () => {
    expect(findTokens(`<${address}>`, 'other.example', 10)).toEqual([]);
  });

  it('are found in a million addresses without hanging', () => {
    expect(findTokens('a@b.example '.repeat(300_000) + address, 'b.example', 10)).toEqual([TOKEN]);
  });
});
