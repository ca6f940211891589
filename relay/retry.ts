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
      /** The reply named the time. */
      readonly asTold: boolean;
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
  const stepMs = scheduleStepMs(situation);
  if (now >= expiresAt) return { kind: 'settle', state: 'expired', reason: `too-old: ${reason}` };
  if (stepMs === null) return { kind: 'settle', state: 'expired', reason: `attempts-exhausted: ${reason}` };
  const toldMs = toldDelayMs(situation, stepMs);
  return {
    kind: 'retryAt',
    delayMs: Math.min(toldMs ?? spread(stepMs, situation.random), expiresAt - now),
    asTold: toldMs !== null,
    sameUpstream: how.sameUpstream ?? false,
    parked: how.parked ?? false,
    reason,
  };
}

/** null when the schedule has ended. */
function scheduleStepMs({ attempt, schedule }: Situation): number | null {
  return schedule.stepsMs[attempt - 1] ?? (schedule.lastRepeats ? schedule.stepsMs.at(-1)! : null);
}

/** A tenth either way, so that what failed together does not come back together. */
function spread(stepMs: number, random: number): number {
  return Math.round(stepMs * (0.9 + 0.2 * random));
}

/** So often a host may call us back sooner than the schedule would: "retry in 1 second" for two days is no advice. */
const SHORT_WAITS = 3;
const SHORTEST_TOLD_MS = 1_000;
const LONGEST_TOLD_MS = 3_600_000;

/**
 * What the reply asked for, and up to a tenth more, never less: who comes too early is greylisted anew. Longer than the
 * longest step of the schedule, or an hour, nobody is believed. null = it did not ask.
 */
function toldDelayMs({ result, attempt, schedule, random }: Situation, stepMs: number): number | null {
  if (result.kind !== 'refused' || result.retryAfterMs === null) return null;
  const shortest = attempt > SHORT_WAITS ? stepMs : SHORTEST_TOLD_MS;
  const longest = Math.max(LONGEST_TOLD_MS, ...schedule.stepsMs);
  return Math.round(Math.max(Math.min(result.retryAfterMs, longest), shortest) * (1 + 0.1 * random));
}
