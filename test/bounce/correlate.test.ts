import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { findClues } from '../../bounce/clues.ts';
import { type Candidate, correlate } from '../../bounce/correlate.ts';
import { parseReport } from '../../bounce/index.ts';
import type { MessageId } from '../../src/mail/submission.ts';
import { issueToken, type ReturnPathKey, returnPath } from '../../src/mail/verp.ts';
import { complaint, dsn, type Told } from '../support/returned-mail.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 23, 15);
const DOMAIN = 'bounces.example.com';
const KEY: ReturnPathKey = { id: 'K1', secret: randomBytes(32) };
const OTHER: ReturnPathKey = { id: 'Z9', secret: randomBytes(32) };
const ID = '01KAR2Z4X0FQ3ZC4M8Y5T6V7W8' as MessageId;
const LATER = '01KAR9Z4X0FQ3ZC4M8Y5T6V7W8' as MessageId;

const candidate = (changes: Partial<Candidate> = {}): Candidate => ({
  ...{ messageId: ID, n: 0, recipient: 'joe@x.example', tenantId: 'default', stream: 'transactional' },
  ...{ internetMessageId: 'original@app.example', acceptedAt: new Date(NOW - DAY), isOnly: true },
  ...changes,
});
const path = (n: number | null = 0, key = KEY, at = NOW) => returnPath({ messageId: ID, n }, DOMAIN, key, at);
const token = (n: number | null = 0, key = KEY) => issueToken({ messageId: ID, n }, key, NOW);
const ANYBODY = 'bounces@example.com';

/** As an admin reads it: how it is tied, whether that is proof, to which delivery. */
function tie(bytes: Buffer, candidates: Candidate[] = [candidate()], now = NOW): string {
  const report = parseReport(bytes);
  const clues = findClues(report, bytes, { keys: [KEY], domain: DOMAIN }, now);
  const found = correlate(report.recipients[0]!, clues, candidates, now);
  if (found.kind === 'none') return `none: ${found.why}`;
  return `${found.by} ${found.isProven ? 'proves' : 'hints at'} ${found.delivery.messageId.slice(0, 6)}.${found.delivery.n}`;
}
const told = (changes: Partial<Told>) => dsn({ to: ANYBODY, recipient: 'joe@x.example', messageId: 'x@y', ...changes });

describe('a report that shows our return path', () => {
  it('as the address that it was sent to proves its delivery', () => {
    expect(tie(told({ to: path() }))).toBe('return-path proves 01KAR2.0');
  });

  it('in the returned header proves it too', () => {
    const arf = complaint({ to: 'fbl@example.com', returnPath: path(), recipient: 'joe@x.example' });
    expect(tie(arf)).toBe('return-path proves 01KAR2.0');
  });

  it('whatever became of its case, and of the recipient’s', () => {
    expect(tie(told({ to: path().toUpperCase(), recipient: 'JOE@X.example' }))).toBe('return-path proves 01KAR2.0');
  });

  it('speaks of the recipient that we mailed, if only as the original one', () => {
    const forwarded = told({ to: path(), recipient: 'joe@home.example', originalRecipient: 'joe@x.example' });
    expect(tie(forwarded)).toBe('return-path proves 01KAR2.0');
  });

  it('and speaks of another address was forwarded: no proof against ours, none against that one', () => {
    expect(tie(told({ to: path(), recipient: 'joe@home.example' }))).toBe('return-path hints at 01KAR2.0');
  });

  it('of another recipient of the same message proves nothing against this one', () => {
    const both = [candidate({ isOnly: false }), candidate({ n: 1, recipient: 'ann@x.example', isOnly: false })];
    expect(tie(told({ to: path(1) }), both)).toBe('return-path hints at 01KAR2.1');
  });

  it.each([
    ['older than 30 days', path(0, KEY, NOW - 31 * DAY), 'return-path hints at 01KAR2.0'],
    ['for the whole message', path(null), 'return-path hints at 01KAR2.0'],
    [
      'with a wrong signature',
      path().replace(/.@/, c => (c === '0@' ? '1@' : '0@')),
      'recipient-and-time hints at 01KAR2.0',
    ],
    ['signed with another key', path(0, OTHER), 'recipient-and-time hints at 01KAR2.0'],
  ])('%s proves nothing', (_how, to, expected) => {
    expect(tie(told({ to }))).toBe(expected);
  });
});

describe('a report without our return path', () => {
  it('is proven by our signed envelope id', () => {
    expect(tie(told({ envelopeId: token() }))).toBe('envelope-id proves 01KAR2.0');
    expect(tie(told({ envelopeId: token(0, OTHER) }))).toBe('recipient-and-time hints at 01KAR2.0');
    expect(tie(told({ envelopeId: 'app-17' }))).toBe('recipient-and-time hints at 01KAR2.0');
  });

  it('is tied by our id in the returned Received field, or in the Message-ID that we made; without proof', () => {
    const received = `from app by gateway.example with ESMTPSA id ${ID}; Mon, 23 Nov 2026 11:58:00 +0000`;
    expect(tie(told({ received }))).toBe('our-id hints at 01KAR2.0');
    expect(tie(told({ messageId: `${ID.toLowerCase()}@gateway.example` }))).toBe('our-id hints at 01KAR2.0');
  });

  it('is tied by the Message-ID to the recipient that it names; without proof', () => {
    const two = [candidate({ n: 0, recipient: 'ann@x.example', isOnly: false }), candidate({ n: 1, isOnly: false })];
    expect(tie(told({ messageId: 'original@app.example' }), two)).toBe('message-id hints at 01KAR2.1');
  });

  it('is tied by recipient and time to the latest message of a week', () => {
    const two = [candidate(), candidate({ messageId: LATER, acceptedAt: new Date(NOW - 1_000) })];
    expect(tie(told({}), two)).toBe('recipient-and-time hints at 01KAR9.0');
    expect(tie(told({}), [candidate({ acceptedAt: new Date(NOW - 8 * DAY) })])).toMatch(/^none/);
    expect(tie(told({}), [candidate({ acceptedAt: new Date(NOW + DAY) })])).toMatch(/^none/);
  });

  it('is tied to nothing where nothing fits, and says why', () => {
    expect(tie(told({}), [])).toBe('none: nothing in it names a message of ours');
    expect(tie(told({ to: path() }), [])).toBe('none: our return path, of a message that is no longer kept');
    expect(tie(told({ to: path(0, OTHER) }), [])).toBe('none: a return path signed with a key that is not ours');
    expect(tie(told({ to: path().replace('01kar', '01kas') }), [])).toBe('none: a return path with a wrong signature');
  });
});

it('proof beats rank: a signed envelope id wins over a return path that is too old', () => {
  const report = told({ to: path(0, KEY, NOW - 40 * DAY), envelopeId: token() });
  expect(tie(report)).toBe('envelope-id proves 01KAR2.0');
});
