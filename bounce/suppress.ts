// What follows for an address from what came back about it. Pure: occurrence and policy in, judgement out, with its rule.
//
// Who is at fault decides. The address itself: suppressed at once, for a time. Its mailbox for now: a strike; several in a
// row suppress it for a shorter time. Its owner complained: until somebody lifts it. Us, our content, our reputation, a
// provider or the network: never, but somebody should hear of it, by domain.
import { formatDuration } from '../src/platform/duration.ts';
import type { PolicyFigures } from '../src/store/suppression-policies.ts';
import type { SuppressionReason } from '../src/store/suppressions.ts';
import type { BounceVerdict } from './classify.ts';
import type { ReportAction } from './report/recipient.ts';
import type { BounceReason } from './rules/reason.ts';

/** What is counted once for each delivery. */
export type Fact = 'bounced' | 'complained' | 'delayed' | 'confirmed';

export type Occurrence = {
  readonly action: ReportAction;
  readonly verdict: Pick<BounceVerdict, 'reason' | 'kind' | 'rule'>;
  readonly feedbackType: string | null;
};

export type Judgement =
  | {
      readonly kind: 'suppress';
      readonly reason: SuppressionReason;
      /** null = until it is lifted by hand. */
      readonly forMs: number | null;
      /** Whether only the stream that it came from: who calls a newsletter spam may still want a new password. */
      readonly onlyItsStream: boolean;
      readonly rule: string;
    }
  | { readonly kind: 'strike'; readonly rule: string }
  /** Nothing is done to the address; a person should look at what is wrong with us. */
  | { readonly kind: 'alarm'; readonly rule: string }
  | { readonly kind: 'nothing'; readonly rule: string };

/** What somebody wanted for a tenant or stream, with the defaults for the rest. */
export type Policy = { readonly [Figure in keyof PolicyFigures]: NonNullable<PolicyFigures[Figure]> };

const DAY_MS = 86_400_000;
export const DEFAULT_POLICY: Policy = {
  hardForMs: 90 * DAY_MS,
  strikes: 3,
  strikesWithinMs: 14 * DAY_MS,
  strikesForMs: 30 * DAY_MS,
};

/** The figures that count: each one that was set, and the default for each other. null: nothing was set. */
export function completePolicy(set: PolicyFigures | null): Policy {
  return {
    hardForMs: set?.hardForMs ?? DEFAULT_POLICY.hardForMs,
    strikes: set?.strikes ?? DEFAULT_POLICY.strikes,
    strikesWithinMs: set?.strikesWithinMs ?? DEFAULT_POLICY.strikesWithinMs,
    strikesForMs: set?.strikesForMs ?? DEFAULT_POLICY.strikesForMs,
  };
}

type Fault = 'address' | 'mailbox' | 'owner' | 'ours' | 'nobodys';

/** Whom a failure for that reason speaks against. */
export const FAULTS: Readonly<Record<BounceReason, Fault>> = {
  no_mailbox: 'address',
  moved: 'address',
  no_domain: 'address',
  no_mail_service: 'address',
  mailbox_disabled: 'mailbox',
  mailbox_full: 'mailbox',
  filtered: 'mailbox',
  restricted: 'owner',
  spam: 'ours',
  virus: 'ours',
  policy: 'ours',
  security: 'ours',
  auth_failure: 'ours',
  reputation: 'ours',
  no_ptr: 'ours',
  sender_rejected: 'ours',
  relay_denied: 'ours',
  rate_limited: 'ours',
  message_too_big: 'nobodys',
  content_rejected: 'nobodys',
  noncompliant: 'nobodys',
  greylisted: 'nobodys',
  network: 'nobodys',
  expired: 'nobodys',
  system: 'nobodys',
  protocol: 'nobodys',
  delivered: 'nobodys',
  complaint: 'nobodys',
  auto_reply: 'nobodys',
  unknown: 'nobodys',
};

/** Feedback by which the recipient says that mail is not wanted (RFC 5965, RFC 6430); others speak of something else. */
const COMPLAINTS = ['abuse', 'fraud', 'other', 'complaint', 'miscategorized'];
const OPT_OUTS = ['opt-out', 'opt-out-list', 'unsubscribe'];

/** null = nothing that is counted. */
export function factOf({ action, verdict }: Occurrence): Fact | null {
  switch (action) {
    case 'failed':
    case 'expired':
      return 'bounced';
    case 'delayed':
      return 'delayed';
    case 'delivered':
      return 'confirmed';
    case 'complaint':
      return verdict.reason === 'complaint' ? 'complained' : null;
    // Passed on, or to a list: neither there nor lost. Or never sent.
    case 'relayed':
    case 'expanded':
    case 'auto-reply':
    case 'rejected':
      return null;
  }
}

export function judge(occurrence: Occurrence, policy: Policy): Judgement {
  const { action, verdict, feedbackType } = occurrence;
  if (action === 'complaint') return judgeFeedback(verdict.reason, feedbackType?.toLowerCase() ?? 'abuse');
  if (action === 'delayed') return { kind: 'nothing', rule: 'only-delayed' };
  if (action === 'rejected') return judgeRejected(verdict.reason);
  if (action !== 'failed' && action !== 'expired') return { kind: 'nothing', rule: `no-failure: ${action}` };
  switch (FAULTS[verdict.reason]) {
    case 'address':
      if (verdict.kind !== 'hard') return { kind: 'nothing', rule: `not-final: ${verdict.reason}` };
      return judgeHard(`address-is-bad: ${verdict.reason}`, policy);
    case 'mailbox':
      return { kind: 'strike', rule: `mailbox-fails: ${verdict.reason}` };
    // Hears whom it likes, and may let us in tomorrow: the address is as good as any.
    case 'owner':
      return { kind: 'nothing', rule: `owner-chooses: ${verdict.reason}` };
    case 'ours':
      return { kind: 'alarm', rule: `not-the-address: ${verdict.reason}` };
    case 'nobodys':
      return { kind: 'nothing', rule: `not-the-address: ${verdict.reason}` };
  }
}

function judgeHard(rule: string, { hardForMs }: Policy): Judgement {
  if (hardForMs === 'never') return { kind: 'nothing', rule: `${rule}, never suppressed` };
  return {
    kind: 'suppress',
    reason: 'hard-bounce',
    forMs: hardForMs,
    onlyItsStream: false,
    rule: `${rule}, for ${inDays(hardForMs)}`,
  };
}

/** The provider found a virus, or spam: somebody of ours sends that. Of the address it says nothing. */
function judgeRejected(reason: BounceReason): Judgement {
  if (FAULTS[reason] === 'ours') return { kind: 'alarm', rule: `not-the-address: ${reason}` };
  return { kind: 'nothing', rule: `never-sent: ${reason}` };
}

function judgeFeedback(reason: BounceReason, feedbackType: string): Judgement {
  const untilLifted = { kind: 'suppress', forMs: null, onlyItsStream: true } as const;
  if (reason !== 'complaint') return { kind: 'alarm', rule: `feedback-is-no-complaint: ${feedbackType}` };
  if (OPT_OUTS.includes(feedbackType))
    return { ...untilLifted, reason: 'unsubscribe', rule: `feedback: ${feedbackType}` };
  if (COMPLAINTS.includes(feedbackType))
    return { ...untilLifted, reason: 'complaint', rule: `feedback: ${feedbackType}` };
  return { kind: 'nothing', rule: `feedback-is-no-complaint: ${feedbackType}` };
}

/** A failure of the mailbox before this one: when it was told, and of which message. */
export type Strike = { readonly at: Date; readonly acceptedAt: Date };

/**
 * Strikes in a row, the new one included. A success between clears those before it; success is a message accepted since
 * then about which nothing bad was heard. What an upstream took is not there yet, so messages are compared by when they
 * were accepted and not by when we heard: a report about an older one comes before that about a younger one.
 */
export function countStrikes(
  earlier: readonly Strike[],
  lastSuccess: Date | null,
  now: number,
  policy: Policy,
): number {
  const standing = earlier.filter(
    ({ at, acceptedAt }) =>
      now - at.getTime() <= policy.strikesWithinMs &&
      (lastSuccess === null || acceptedAt.getTime() > lastSuccess.getTime()),
  );
  return standing.length + 1;
}

/** What the strikes come to. */
export function judgeStrikes(rule: string, count: number, policy: Policy): Judgement {
  const within = inDays(policy.strikesWithinMs);
  if (count < policy.strikes)
    return { kind: 'strike', rule: `${rule}, strike ${count} of ${policy.strikes} in ${within}` };
  return {
    kind: 'suppress',
    reason: 'soft-bounces',
    forMs: policy.strikesForMs,
    onlyItsStream: false,
    rule: `${rule}, ${count} ${count === 1 ? 'strike' : 'strikes'} in ${within}, for ${inDays(policy.strikesForMs)}`,
  };
}

function inDays(ms: number): string {
  if (ms % DAY_MS !== 0) return formatDuration(ms);
  return ms === DAY_MS ? '1 day' : `${ms / DAY_MS} days`;
}
