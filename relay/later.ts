// When a message is to go out: at once, at the time that the app named, or when a quota has room again. Pure.
import { domainOf } from '../src/mail/address.ts';
import type { Submission } from '../src/mail/submission.ts';
import type { Directives } from './control-headers/directives.ts';
import type { Objection } from './policy.ts';
import type { Charge, ChargeRequest } from './quota/index.ts';

/** Why a recipient's delivery does not begin at once. */
export type Later =
  | { readonly kind: 'due'; readonly inMs: number; readonly event: 'deferred' | 'scheduled'; readonly reason: string }
  | { readonly kind: 'held'; readonly reason: string };

export type Times = {
  /** When the first attempt may begin, in milliseconds since 1970. */
  readonly beginsAt: number;
  readonly expiresAt: number;
};

/** Mail for later expires as long after its send-at time as other mail does after its acceptance. */
export function timesOf({ sendAtMs, maxAgeMs }: Directives, now: number, defaultMaxAgeMs: number): Times {
  const beginsAt = Math.max(sendAtMs ?? now, now);
  return { beginsAt, expiresAt: beginsAt + (maxAgeMs ?? defaultMaxAgeMs) };
}

/** What quotas are asked. */
export function chargeRequestOf(
  { identity, stream, envelope }: Submission,
  { beginsAt, expiresAt }: Times,
  now: number,
): ChargeRequest {
  const recipients = envelope.recipients.map(({ address }, n) => ({ n, domain: domainOf(address) }));
  return { identity, stream, recipients, beginsInMs: beginsAt - now, notAfter: new Date(expiresAt) };
}

/** More at once than the quota takes at all will not fit later either. */
export function overQuota({ reply, retryAfterS }: Charge & { kind: 'reject' }): Objection {
  return { kind: retryAfterS === null ? 'reject' : 'defer', reply, rule: 'over-quota' };
}

/** By the recipient's number; those that are missing begin at once. */
export function whoWaits(
  recipients: number,
  { beginsAt }: Times,
  charge: Exclude<Charge, { kind: 'reject' }> | null,
  now: number,
): Map<number, Later> {
  const waiting = new Map<number, Later>();
  const scheduledInMs = beginsAt - now;
  for (let n = 0; n < recipients; n += 1) {
    if (charge?.kind === 'hold') waiting.set(n, { kind: 'held', reason: `over-quota: ${charge.quota}` });
    else if (scheduledInMs > 0)
      waiting.set(n, { kind: 'due', inMs: scheduledInMs, event: 'scheduled', reason: 'scheduled' });
  }
  if (charge?.kind !== 'charged' || charge.delayedBy === null) return waiting;
  for (const { n, dueInMs, delayedBy } of charge.turns) {
    if (dueInMs <= Math.max(0, scheduledInMs)) continue;
    waiting.set(n, { kind: 'due', inMs: dueInMs, event: 'deferred', reason: `over-quota: ${delayedBy}` });
  }
  return waiting;
}
