// What follows from one attempt at one delivery: a pure table. Every answer carries its reason, the same words in log,
// event, timeline and `explain`.
import { isPermanent } from '../src/mail/reply.ts';
import type { AttemptResult } from '../src/mail/upstream.ts';
import type { RetrySchedule } from '../src/platform/duration.ts';

export type NextStep =
  | { readonly kind: 'settle'; readonly state: 'delivered' | 'failed' | 'expired'; readonly reason: string }
  | { readonly kind: 'tryUpstream'; readonly reason: string }
  | {
      readonly kind: 'retryAt';
      readonly delayMs: number;
      /** Only at the upstream that may already have it. */
      readonly sameUpstream: boolean;
      /** Waits for an upstream rather than for its time. */
      readonly parked: boolean;
      readonly reason: string;
    };

export type Situation = {
  readonly result: AttemptResult;
  /** Attempts begun, this one included. */
  readonly attempt: number;
  /** Another upstream of the route can be tried now. */
  readonly upstreamLeft: boolean;
  /** No upstream of the route takes mail at present. */
  readonly allDown: boolean;
  readonly now: number;
  readonly expiresAt: number;
  readonly schedule: RetrySchedule;
  /** 0 ≤ random < 1 */
  readonly random: number;
};

export function nextStep(situation: Situation): NextStep {
  const { result, upstreamLeft } = situation;
  switch (result.kind) {
    case 'accepted':
      return { kind: 'settle', state: 'delivered', reason: 'accepted-by-upstream' };
    case 'uncertain':
      return retry(situation, 'may-have-been-delivered', { sameUpstream: true });
    case 'unreachable':
      return upstreamLeft
        ? { kind: 'tryUpstream', reason: `upstream-unreachable-at-${result.stage}` }
        : retry(situation, `upstream-unreachable-at-${result.stage}`, { parked: situation.allDown });
    case 'refused':
      return afterRefusal(situation, result);
  }
}

function afterRefusal(situation: Situation, result: AttemptResult & { kind: 'refused' }): NextStep {
  const permanent = isPermanent(result.reply);
  if (result.scope === 'upstream' || result.scope === 'network') {
    const reason = `${result.scope}-refused-at-${result.stage}`;
    // Even a 5xx is not the message's fault here: an admin may mend the account before the message is too old.
    return situation.upstreamLeft
      ? { kind: 'tryUpstream', reason }
      : retry(situation, reason, { parked: situation.allDown });
  }
  if (permanent) return { kind: 'settle', state: 'failed', reason: `${result.scope}-refused-at-${result.stage}` };
  return retry(situation, `${result.scope}-deferred-at-${result.stage}`, {});
}

function retry(situation: Situation, reason: string, how: { sameUpstream?: boolean; parked?: boolean }): NextStep {
  const { now, expiresAt } = situation;
  const delayMs = retryDelayMs(situation);
  if (now >= expiresAt) return { kind: 'settle', state: 'expired', reason: `too-old: ${reason}` };
  if (delayMs === null) return { kind: 'settle', state: 'expired', reason: `attempts-exhausted: ${reason}` };
  return {
    kind: 'retryAt',
    delayMs: Math.min(delayMs, expiresAt - now),
    sameUpstream: how.sameUpstream ?? false,
    parked: how.parked ?? false,
    reason,
  };
}

/** A tenth either way, so that what failed together does not come back together; null when the schedule has ended. */
function retryDelayMs({ attempt, schedule, random }: Situation): number | null {
  const last = schedule.stepsMs.at(-1)!;
  const step = schedule.stepsMs[attempt - 1] ?? (schedule.lastRepeats ? last : null);
  return step === null ? null : Math.round(step * (0.9 + 0.2 * random));
}
