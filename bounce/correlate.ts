// Which delivery is this about, and is it proven? Clues in order of rank: a signed return path or envelope id proves,
// if it names the very recipient that the report names; our id and the Message-ID are no secrets, recipient and time are a
// guess: they tie a report to a message for whoever looks, and nothing is done because of them. Pure.
import { addressKey } from '../src/mail/address.ts';
import type { ReadToken } from '../src/mail/verp.ts';
import type { CandidateDelivery } from '../src/store/reports.ts';
import type { Clues } from './clues.ts';
import type { ReportedRecipient } from './report/recipient.ts';

/** A delivery that a clue may mean. */
export type Candidate = CandidateDelivery;

export type CorrelatedBy =
  | 'return-path'
  | 'envelope-id'
  /** What a provider repeats of the field that we sent it: events only. */
  | 'delivery-mark'
  | 'our-id'
  | 'message-id'
  | 'recipient-and-time';

export type Correlation =
  | {
      readonly kind: 'delivery';
      readonly delivery: Candidate;
      readonly by: CorrelatedBy;
      /** Only what could not have been forged makes it true. */
      readonly isProven: boolean;
      /** In words. */
      readonly why: string;
    }
  | { readonly kind: 'none'; readonly why: string };

export type Named = Pick<ReportedRecipient, 'recipient' | 'originalRecipient' | 'finalRecipient'>;

/** How long after its acceptance a message is still guessed at. */
export const GUESS_WITHIN_MS = 7 * 86_400_000;

export function correlate(reported: Named, clues: Clues, candidates: readonly Candidate[], now: number): Correlation {
  const names = namesOf(reported);
  const find = (clue: Clue): Correlation | null => byToken(clue, names, candidates);
  const tokens: Clue[] = [
    ...clues.returnPaths.map(token => ({ by: 'return-path' as const, what: 'return path', token })),
    ...(clues.envelopeId ? [{ by: 'envelope-id' as const, what: 'envelope id', token: clues.envelopeId }] : []),
  ];
  const found = tokens.map(find).filter(correlation => correlation !== null);
  return (
    found.find(correlation => correlation.kind === 'delivery' && correlation.isProven) ??
    found[0] ??
    byId(clues, names, candidates) ??
    byMessageId(clues, names, candidates) ??
    byRecipientAndTime(names, candidates, now) ?? { kind: 'none', why: whyNone(clues) }
  );
}

/** Whom the report names, folded; empty when it names nobody. */
export function namesOf({ recipient, originalRecipient, finalRecipient }: Named): string[] {
  const named = [recipient, originalRecipient, finalRecipient].filter(address => address !== null);
  return [...new Set(named.map(addressKey))];
}

export type Clue = { readonly by: 'return-path' | 'envelope-id'; readonly what: string; readonly token: ReadToken };

export function byToken({ by, what, token }: Clue, names: readonly string[], candidates: readonly Candidate[]) {
  if (token.kind !== 'valid' && token.kind !== 'expired') return null;
  const ofMessage = candidates.filter(({ messageId }) => messageId === token.messageId);
  const delivery =
    token.n === null ? recipientIn(names, ofMessage) : ofMessage.find(candidate => candidate.n === token.n);
  if (!delivery) return null;
  const tied = (isProven: boolean, why: string): Correlation => ({ kind: 'delivery', delivery, by, isProven, why });
  if (token.kind === 'expired') return tied(false, `our ${what}, too old to be believed`);
  if (token.n === null) return tied(false, `our ${what}, which names the message and no recipient`);
  if (names.length === 0) return tied(true, `our signed ${what}; the report names nobody`);
  if (names.includes(addressKey(delivery.recipient))) return tied(true, `our signed ${what}, for this recipient`);
  // Somebody else's mailbox is at fault: mail to ours was forwarded there, or only a copy of it was.
  return tied(false, `our ${what} is for ${delivery.recipient}, the report is about ${names[0]}: forwarded, probably`);
}

function byId({ ourIds }: Clues, names: readonly string[], candidates: readonly Candidate[]): Correlation | null {
  const delivery = recipientIn(
    names,
    candidates.filter(({ messageId }) => ourIds.includes(messageId)),
  );
  return (
    delivery && hint('our-id', delivery, `our id ${delivery.messageId} in the returned header, which proves nothing`)
  );
}

function byMessageId({ internetMessageIds }: Clues, names: readonly string[], candidates: readonly Candidate[]) {
  const delivery = recipientIn(
    names,
    candidates.filter(({ internetMessageId }) => internetMessageIds.includes(internetMessageId ?? '')),
  );
  return delivery && hint('message-id', delivery, 'the Message-ID of the returned message, which proves nothing');
}

function byRecipientAndTime(names: readonly string[], candidates: readonly Candidate[], now: number) {
  const recent = candidates
    .filter(({ acceptedAt, recipient }) => isSince(acceptedAt, now) && names.includes(addressKey(recipient)))
    .toSorted((a, b) => b.acceptedAt.getTime() - a.acceptedAt.getTime());
  return recent[0] ? hint('recipient-and-time', recent[0], 'the last message to this recipient: a guess') : null;
}

function isSince(acceptedAt: Date, now: number): boolean {
  return now - acceptedAt.getTime() <= GUESS_WITHIN_MS && acceptedAt.getTime() <= now;
}

/** The one that the report names; the only one there is when it names nobody. */
function recipientIn(names: readonly string[], candidates: readonly Candidate[]): Candidate | null {
  const named = candidates.find(({ recipient }) => names.includes(addressKey(recipient)));
  return named ?? (names.length === 0 ? (candidates.find(({ isOnly }) => isOnly) ?? null) : null);
}

function hint(by: CorrelatedBy, delivery: Candidate, why: string): Correlation {
  return { kind: 'delivery', delivery, by, isProven: false, why };
}

function whyNone({ returnPaths, envelopeId }: Clues): string {
  const kinds = [...returnPaths, ...(envelopeId ? [envelopeId] : [])].map(({ kind }) => kind);
  if (kinds.includes('valid') || kinds.includes('expired'))
    return 'our return path, of a message that is no longer kept';
  if (kinds.includes('unknown-key')) return 'a return path signed with a key that is not ours';
  if (kinds.includes('forged')) return 'a return path with a wrong signature';
  return 'nothing in it names a message of ours';
}
