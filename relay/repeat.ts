// When two submissions are one. An app that lost the connection before our 250 sends again; so does one that restarts.
// What it sent with the same key, or with the same Message-ID and content to the same people, is stored once. The content
// counts because there are apps whose Message-ID is always the same; Date and Subject do not, since an app that makes its
// message anew writes the new time into the one, and some tools into both.
import { createHash, hash } from 'node:crypto';
import { addressKey } from '../src/mail/address.ts';
import type { Envelope } from '../src/mail/envelope.ts';
import { fieldValue, type Header } from '../src/mail/header.ts';
import { omittedRanges, outgoingParts } from '../src/mail/outgoing.ts';
import { reply } from '../src/mail/reply.ts';
import type { MessageId, Submission } from '../src/mail/submission.ts';
import type { RepeatKey } from '../src/store/accept.ts';
import type { Directives } from './control-headers/directives.ts';
import type { Objection } from './policy.ts';

/** A key that the app chose is remembered for as long as other gateways do. */
const CHOSEN_KEY_MS = 24 * 3_600_000;

/** In characters of three bytes at most: an index row of PostgreSQL holds 2,704. */
const MAX_INTERNET_MESSAGE_ID = 800;

/** null = nothing that a repeat could be known by. `windowMs`: how long a Message-ID is remembered; null = not at all. */
export function repeatKeyOf(
  { identity, envelope, content }: Submission,
  header: Header,
  { idempotencyKey }: Directives,
  windowMs: number | null,
): RepeatKey | null {
  const envelopeHash = () => shortHash([envelope.reversePath, ...recipientKeys(envelope)]);
  if (idempotencyKey !== null) {
    const key = shortHash([identity.credentialId, 'key', idempotencyKey]);
    return { key, envelope: envelopeHash(), forMs: CHOSEN_KEY_MS };
  }
  // An empty one says nothing, least of all that two messages are one.
  const internetMessageId = givenMessageId(content, header) || null;
  if (internetMessageId === null || windowMs === null) return null;
  const own = envelopeHash();
  const key = shortHash([identity.credentialId, 'id', internetMessageId, own, contentHash(content, header)]);
  return { key, envelope: own, forMs: windowMs };
}

function contentHash(content: Buffer, header: Header): string {
  const passing = header.fields.filter(({ name }) => name === 'date' || name === 'subject');
  const digest = createHash('sha256');
  for (const part of outgoingParts('', content, omittedRanges(passing))) digest.update(part);
  return digest.digest('base64');
}

/** The Message-ID that the app gave it, or null. */
export function givenMessageId(content: Buffer, header: Header): string | null {
  return fieldValue(content, header, 'message-id', MAX_INTERNET_MESSAGE_ID)?.replace(/^<|>$/g, '') ?? null;
}

/** One key for two messages is a mistake of the app's, not a message come again. */
export function keyReused(messageId: MessageId): Objection {
  const text = `Idempotency key was used already, for ${messageId} with another envelope`;
  return { kind: 'reject', reply: reply(550, '5.6.0', text), rule: 'idempotency-key-reused' };
}

/** In one order, whatever the client's was. */
function recipientKeys({ recipients }: Envelope): string[] {
  return recipients.map(({ address }) => addressKey(address)).sort();
}

/** 128 bits: nobody has ever met two that are equal by chance, and they are an index. */
function shortHash(parts: readonly (string | null)[]): string {
  return hash('sha256', JSON.stringify(parts), 'buffer').subarray(0, 16).toString('base64');
}
