/**
 * Which delivery an event is about, and is it proven? The signature proves who speaks: an account of ours at a provider,
 * about mail that went through it. What it says of which mail are the words of whoever sent that mail, so it is believed
 * where it names one delivery, and the recipient is that delivery's. Nothing is guessed at: the account may be shared with
 * other software. Pure.
 */
import { addressKey } from '../../src/mail/address.ts';
import type { MarkedDelivery } from '../../src/mail/provider-fields.ts';
import { readToken, tokenOf } from '../../src/mail/verp.ts';
import type { Ring } from '../clues.ts';
import { byToken, type Candidate, type CorrelatedBy, type Correlation, type Named, namesOf } from '../correlate.ts';
import type { ProviderEvent } from './provider-event.ts';

export type EventClues = {
  readonly account: string;
  readonly marks: readonly MarkedDelivery[];
  readonly returnPaths: readonly ReturnType<typeof readToken>[];
  /** Without angle brackets. */
  readonly internetMessageId: string | null;
};

export function eventClues({ provider, account, ourIds, internetMessageId }: ProviderEvent, ring: Ring, now: number) {
  const addresses = ourIds.flatMap(id => (id.kind === 'return-path' ? [id.address] : []));
  const tokens = addresses.map(address => tokenOf(address, ring.domain)).filter(token => token !== null);
  const clues: EventClues = {
    account: account === null ? provider : `${provider}/${account}`,
    marks: ourIds.filter(id => id.kind === 'delivery'),
    returnPaths: tokens.map(token => readToken(token, ring.keys, now)),
    internetMessageId,
  };
  return clues;
}

type Told = Named & { readonly isCertain: boolean };

export function tieEvent(told: Told, clues: EventClues, candidates: readonly Candidate[]): Correlation {
  const tied = tieNamed(namesOf(told), clues, candidates);
  if (told.isCertain || tied.kind === 'none' || !tied.isProven) return tied;
  return { ...tied, isProven: false, why: `${tied.why}; but it says that of several, and knows it of one of them` };
}

function tieNamed(names: readonly string[], clues: EventClues, candidates: readonly Candidate[]): Correlation {
  const found = [
    ...clues.returnPaths.map(token => byToken({ by: 'return-path', what: 'return path', token }, names, candidates)),
    ...clues.marks.map(mark => byMark(mark, names, clues, candidates)),
    byMessageId(names, clues, candidates),
  ].filter(correlation => correlation !== null);
  return (
    found.find(correlation => correlation.kind === 'delivery' && correlation.isProven) ??
    found[0] ?? { kind: 'none', why: `nothing that ${clues.account} says names a message of ours` }
  );
}

function byMark(
  mark: MarkedDelivery,
  names: readonly string[],
  clues: EventClues,
  candidates: readonly Candidate[],
): Correlation | null {
  const marked = candidates.filter(one => one.messageId === mark.messageId && (mark.n === null || one.n === mark.n));
  const delivery = marked.find(one => isNamed(one, names));
  if (delivery === undefined) {
    const [other] = marked;
    if (!other) return null;
    return tiedBy('delivery-mark', other, false, `our mark is for ${other.recipient}, the event is about ${names[0]}`);
  }
  // An app whose own fields pass through us can write the mark of another's message, and not have the provider say that
  // this was the message.
  const named = withMessageId(names, clues, candidates);
  if (named.length > 0 && !named.includes(delivery))
    return tiedBy('delivery-mark', delivery, false, 'our mark, beside the Message-ID of another message of ours');
  return tiedBy('delivery-mark', delivery, true, `our mark, repeated by ${clues.account} for this recipient`);
}

/**
 * No secret, but a stranger cannot have our account say it: whoever sends through it could, which are our apps. One of
 * them that takes another's Message-ID, to the same recipient, has made two deliveries of it, and then it names neither.
 */
function byMessageId(names: readonly string[], clues: EventClues, candidates: readonly Candidate[]) {
  const named = withMessageId(names, clues, candidates);
  const last = named.reduce<Candidate | null>((a, b) => (a && a.acceptedAt >= b.acceptedAt ? a : b), null);
  if (!last) return null;
  if (named.length === 1)
    return tiedBy('message-id', last, true, `the Message-ID, told by ${clues.account}: no other delivery has it`);
  return tiedBy('message-id', last, false, `the Message-ID, which ${named.length} deliveries to this recipient have`);
}

function withMessageId(
  names: readonly string[],
  { internetMessageId }: EventClues,
  candidates: readonly Candidate[],
): Candidate[] {
  if (internetMessageId === null) return [];
  return candidates.filter(one => one.internetMessageId === internetMessageId && isNamed(one, names));
}

function isNamed({ recipient }: Candidate, names: readonly string[]): boolean {
  return names.includes(addressKey(recipient));
}

function tiedBy(by: CorrelatedBy, delivery: Candidate, isProven: boolean, why: string): Correlation {
  return { kind: 'delivery', delivery, by, isProven, why };
}
