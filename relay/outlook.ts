// What only the accepting commit will say of a message, asked beforehand and without a trace: whether quotas have room,
// whether it came before, and so what becomes of each recipient.
import type { Address } from '../src/mail/address.ts';
import type { Identity, Stream, Submission } from '../src/mail/submission.ts';
import type { Clock } from '../src/platform/clock.ts';
import type { Original, RepeatKey } from '../src/store/accept.ts';
import type { Assessment } from './assess.ts';
import { chargeRequestOf, type Later, type Times, timesOf, whoWaits } from './later.ts';
import type { Charge, Quotas } from './quota/index.ts';
import { repeatKeyOf } from './repeat.ts';
import type { Lifetimes } from './routing/lifetimes.ts';
import { messageFacts } from './routing/message-facts.ts';

export type OutlookOptions = {
  readonly quotas: Quotas;
  /** As `submit` has them. */
  readonly maxAgeMsOf: Lifetimes['maxAgeMsOf'];
  readonly repeatWindowMs: number | null;
  readonly clock: Clock;
  /** What was taken under the key already, or null. */
  readonly repeatOf: (key: RepeatKey) => Promise<Original | null>;
  /** Why the address is not mailed, or null. */
  readonly suppressionOf: (identity: Identity, stream: Stream, address: Address) => Promise<string | null>;
};

export type Outlook = {
  readonly now: number;
  readonly times: Times;
  readonly charge: Charge | null;
  readonly repeated: Original | null;
};

/** null = it is refused before. */
export async function lookAhead(
  options: OutlookOptions,
  submission: Submission,
  { verdict, header, directives }: Assessment,
): Promise<Outlook | null> {
  if (verdict.kind !== 'accept') return null;
  const now = options.clock();
  const maxAgeMs = options.maxAgeMsOf(messageFacts(submission, header, directives));
  const times = timesOf(directives, now, maxAgeMs);
  const key = repeatKeyOf(submission, header, directives, options.repeatWindowMs);
  return {
    ...{ now, times },
    charge: verdict.mode === 'live' ? await options.quotas.preview(chargeRequestOf(submission, times, now)) : null,
    repeated: key && (await options.repeatOf(key)),
  };
}

export type RecipientFate = {
  readonly recipient: Address;
  /** later = at a turn or a time of its own; held = until a person releases it. */
  readonly fate: 'deliver' | 'later' | 'held' | 'capture' | 'suppressed' | 'refused' | 'repeated';
  readonly why: string | null;
};

export async function fatesOf(
  { suppressionOf }: OutlookOptions,
  { identity, envelope, stream }: Submission,
  { facts, directives }: Assessment,
  outlook: Outlook | null,
): Promise<RecipientFate[]> {
  const isCaptured = facts.mode === 'capture' || directives.drop;
  const waiting = waitingOf(outlook, envelope.recipients.length);
  const fates: RecipientFate[] = [];
  for (const [n, { address: recipient }] of envelope.recipients.entries()) {
    const suppressed = isCaptured ? null : await suppressionOf(identity, stream, recipient);
    const later = waiting.get(n);
    if (outlook?.repeated) fates.push({ recipient, fate: 'repeated', why: outlook.repeated.messageId });
    else if (isCaptured) fates.push({ recipient, fate: 'capture', why: null });
    else if (suppressed !== null) fates.push({ recipient, fate: 'suppressed', why: suppressed });
    else if (later) fates.push({ recipient, fate: later.kind === 'held' ? 'held' : 'later', why: later.reason });
    else fates.push({ recipient, fate: 'deliver', why: null });
  }
  return fates;
}

function waitingOf(outlook: Outlook | null, recipients: number): Map<number, Later> {
  return outlook === null || outlook.charge?.kind === 'reject'
    ? new Map()
    : whoWaits(recipients, outlook.times, outlook.charge, outlook.now);
}
