// One message on its way to some of its recipients, as the dispatcher holds it in memory.
import type { Address } from '../../src/mail/address.ts';
import type { Envelope, Notify, Recipient } from '../../src/mail/envelope.ts';
import { outgoingParts } from '../../src/mail/outgoing.ts';
import type { MessageId } from '../../src/mail/submission.ts';
import type { Acceptance } from '../../src/store/accept.ts';
import type { ClaimedDelivery, DeliveryKey } from '../../src/store/deliveries.ts';
import type { MessageFacts } from '../routing/match.ts';
import type { Route } from '../routing/router.ts';
import type { Handing } from './hand-over.ts';
import type { Choice, Skipped } from './switchboard.ts';

export type Work = {
  readonly messageId: MessageId;
  readonly message: MessageFacts;
  readonly route: Route;
  /** Of all its deliveries: those that go together were claimed together. */
  readonly attempt: number;
  /** Without the claims that came to nothing: what the schedule goes by. */
  readonly counted: number;
  readonly envelope: Envelope;
  /** n of each recipient, in the envelope's order. */
  readonly numbers: readonly number[];
  /** What goes over the wire, before dots are doubled. */
  readonly parts: readonly Buffer[];
  /** As taken from the budget. */
  readonly bytes: number;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  /** The upstream that may already have it: the only one to try. */
  readonly pinnedUpstream: string | null;
  /** Where the attempt is open already, by the accepting commit. */
  readonly opened: Choice | null;
  readonly begin: Beginning;
};

/** null = nobody is left to send it to. */
export function workOfAcceptance(
  handing: Handing & { kind: 'hand-over' },
  acceptance: Acceptance,
  envelope: Envelope,
  absent: ReadonlySet<number>,
): Work | null {
  const { message, content } = acceptance;
  const numbers = envelope.recipients.map((_, n) => n).filter(n => !absent.has(n));
  if (numbers.length === 0) return null;
  return {
    messageId: message.messageId,
    ...{ message: handing.message, route: handing.route },
    ...{ attempt: 1, counted: 1 },
    envelope: absent.size === 0 ? envelope : { ...envelope, recipients: numbers.map(n => envelope.recipients[n]!) },
    numbers,
    parts: outgoingParts(message.traceHeader, content, message.omitted),
    bytes: content.length,
    acceptedAt: message.acceptedAt.getTime(),
    expiresAt: message.expiresAt.getTime(),
    pinnedUpstream: null,
    ...{ opened: handing.choice, begin: { hop: handing.choice.hop, skipped: [] } },
  };
}

/** Deliveries of one message that are at the same point travel together. */
export function groupClaimed(claimed: readonly ClaimedDelivery[]): ClaimedDelivery[][] {
  const groups = new Map<string, ClaimedDelivery[]>();
  for (const delivery of claimed) {
    const key = `${delivery.messageId} ${delivery.attempt} ${delivery.uncounted} ${delivery.pinnedUpstream ?? ''}`;
    const group = groups.get(key);
    if (group) group.push(delivery);
    else groups.set(key, [delivery]);
  }
  return [...groups.values()];
}

/** Where along its route an attempt begins, and why not sooner. */
export type Beginning = { readonly hop: number; readonly skipped: readonly Skipped[] };

/** Deliveries of one message that go the same way. */
export type Placed = {
  readonly deliveries: readonly ClaimedDelivery[];
  readonly route: Route;
  readonly begin: Beginning;
};

export function workOfClaimed({ deliveries: group, route, begin }: Placed, content: Buffer): Work {
  const first = group[0]!;
  return {
    messageId: first.messageId,
    ...{ message: first, route },
    ...{ attempt: first.attempt, counted: first.attempt - first.uncounted },
    envelope: {
      reversePath: first.reversePath as Address | null,
      recipients: group.map(recipientOf),
      ret: first.ret,
      envid: first.envid,
      body: first.body,
      smtpUtf8: first.smtpUtf8,
    },
    numbers: group.map(delivery => delivery.n),
    parts: outgoingParts(first.traceHeader, content, first.omitted),
    bytes: first.size,
    acceptedAt: first.acceptedAt.getTime(),
    expiresAt: first.expiresAt.getTime(),
    pinnedUpstream: first.pinnedUpstream,
    ...{ opened: null, begin },
  };
}

/** The same message as one piece of work a recipient; the content is shared. */
export function eachAlone(work: Work): Work[] {
  return work.numbers.map((n, i) => ({
    ...work,
    numbers: [n],
    envelope: { ...work.envelope, recipients: [work.envelope.recipients[i]!] },
  }));
}

export function keysOf(work: Work): DeliveryKey[] {
  return work.numbers.map(n => ({ messageId: work.messageId, n, attempt: work.attempt }));
}

function recipientOf(delivery: ClaimedDelivery): Recipient {
  return {
    address: delivery.recipient as Address,
    notify: delivery.notify === null ? null : (delivery.notify.split(',') as Notify[]),
    orcpt: delivery.orcpt,
  };
}
