// Which delivery an event is about, and when that is proven: all that an account at a provider can say, against what we sent.
import { describe, expect, it } from 'vitest';
import type { OurId, ProviderEvent } from '../../../bounce/events/provider-event.ts';
import { eventClues, tieEvent } from '../../../bounce/events/tie.ts';
import type { MessageId } from '../../../src/mail/submission.ts';
import { type ReturnPathKey, returnPath } from '../../../src/mail/verp.ts';

const NOW = Date.UTC(2026, 10, 23, 15);
const DAY = 86_400_000;
const DOMAIN = 'bounces.example.com';
const KEY: ReturnPathKey = { id: 'K1', secret: Buffer.alloc(32, 1) };
const OTHER_KEY: ReturnPathKey = { id: 'K1', secret: Buffer.alloc(32, 2) };
const ID = '01KAR2Z4X0FQ3ZC4M8Y5T6V7W8' as MessageId;
const OTHER = '01KAR9Z4X0FQ3ZC4M8Y5T6V7W8' as MessageId;

type Sent = { messageId?: MessageId; n?: number; recipient?: string; internetMessageId?: string };
const sent = (changes: Sent = {}) => ({
  ...{ messageId: ID, n: 0, recipient: 'joe@x.example', tenantId: 'default', stream: 'transactional' as const },
  ...{ internetMessageId: 'm1@app.example', acceptedAt: new Date(NOW - DAY), isOnly: true },
  ...changes,
});
const OURS = [sent(), sent({ n: 1, recipient: 'ann@x.example' })];
const ANOTHERS = sent({ messageId: OTHER, internetMessageId: 'm2@app.example' });

type Told = { marks?: OurId[]; id?: string; to?: string; finalTo?: string; isCertain?: boolean };
const mark = (messageId = ID, n: number | null = 0): OurId => ({ kind: 'delivery', messageId, n });
const path = (n = 0, key = KEY, at = NOW): OurId => ({
  kind: 'return-path',
  address: returnPath({ messageId: ID, n }, DOMAIN, key, at),
});

function tie({ marks = [], id, to = 'joe@x.example', finalTo, isCertain = true }: Told, candidates = OURS): string {
  const event = { provider: 'mailgun', account: null, ourIds: marks, internetMessageId: id ?? null } as const;
  const clues = eventClues(event as unknown as ProviderEvent, { keys: [KEY], domain: DOMAIN }, NOW);
  const named = { recipient: to, originalRecipient: to, finalRecipient: finalTo ?? null };
  const tied = tieEvent({ ...named, isCertain }, clues, candidates);
  if (tied.kind === 'none') return tied.why;
  const { by, isProven, delivery } = tied;
  return `${by} ${isProven ? 'proves' : 'hints at'} ${delivery.messageId.slice(0, 6)}.${delivery.n}`;
}

describe('an event', () => {
  it.each<[string, Told, string]>([
    ['with our mark', { marks: [mark()] }, 'delivery-mark proves 01KAR2.0'],
    [
      'with our mark, whatever the case of its recipient',
      { marks: [mark()], to: 'Joe@X.example' },
      'delivery-mark proves 01KAR2.0',
    ],
    [
      'with our mark for another recipient',
      { marks: [mark()], to: 'ann@x.example' },
      'delivery-mark hints at 01KAR2.0',
    ],
    ['with a mark for the message', { marks: [mark(ID, null)], to: 'ann@x.example' }, 'delivery-mark proves 01KAR2.1'],
    [
      'with a mark for the message, about nobody of it',
      { marks: [mark(ID, null)], to: 'eve@x.example' },
      'delivery-mark hints at 01KAR2.0',
    ],
    [
      'with the mark of a message that is not there',
      { marks: [mark(OTHER)] },
      'nothing that mailgun says names a message of ours',
    ],
    [
      'about whom we mailed, who forwards',
      { marks: [mark()], finalTo: 'joe@home.example' },
      'delivery-mark proves 01KAR2.0',
    ],
    ['that is true of one of several', { marks: [mark()], isCertain: false }, 'delivery-mark hints at 01KAR2.0'],
    ['with our return path', { marks: [path()] }, 'return-path proves 01KAR2.0'],
    ['with the return path of another recipient', { marks: [path(1)] }, 'return-path hints at 01KAR2.1'],
    [
      'with a return path that somebody else signed',
      { marks: [path(0, OTHER_KEY)] },
      'nothing that mailgun says names a message of ours',
    ],
    ['with a return path of last year', { marks: [path(0, KEY, NOW - 300 * DAY)] }, 'return-path hints at 01KAR2.0'],
    [
      'with an old return path beside our mark',
      { marks: [mark(), path(0, KEY, NOW - 300 * DAY)] },
      'delivery-mark proves 01KAR2.0',
    ],
    ['with the Message-ID', { id: 'm1@app.example' }, 'message-id proves 01KAR2.0'],
    [
      'with the Message-ID, about nobody of that message',
      { id: 'm1@app.example', to: 'eve@x.example' },
      'nothing that mailgun says names a message of ours',
    ],
    ['with another Message-ID', { id: 'm9@app.example' }, 'nothing that mailgun says names a message of ours'],
    ['with nothing but the recipient', {}, 'nothing that mailgun says names a message of ours'],
  ])('%s', (_title, told, expected) => expect(tie(told)).toBe(expected));
});

describe('an app that writes what is another’s', () => {
  it('Message-ID, to the same recipient, has made it name neither', () => {
    const copied = sent({ messageId: OTHER });
    expect(tie({ id: 'm1@app.example' }, [...OURS, copied])).toMatch(/^message-id hints at/);
  });

  it('mark, in mail of its own, speaks of its own mail', () => {
    expect(tie({ marks: [mark()], id: 'm2@app.example' }, [...OURS, ANOTHERS])).toBe('message-id proves 01KAR9.0');
  });
});
