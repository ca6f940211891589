// What the steps of an attempt leave in the database, as rows to be written. Pure.
import { formatReply } from '../../src/mail/reply.ts';
import type { AttemptReport, AttemptResult, Peer } from '../../src/mail/upstream.ts';
import { formatDuration, type RetrySchedule } from '../../src/platform/duration.ts';
import { DEFAULT_ROUTE } from '../../src/platform/route-rules.ts';
import type { DeliveryChange, DeliveryKey, EndedAttempt, OpenedAttempt, Progress } from '../../src/store/deliveries.ts';
import type { NextStep } from '../retry.ts';
import { type Choice, type Picked, type Skipped, whyNobody } from './switchboard.ts';
import { keysOf, type Work } from './work.ts';

/** How long a holder may be silent before others take its work: renewed long before while it lives. */
export const LEASE_MS = 60_000;

/** One recipient within the work, by its place there: what its attempt came to, and what follows. */
export type Decided = { readonly index: number; readonly result: AttemptResult; readonly step: NextStep };

export function all(work: Work): number[] {
  return work.numbers.map((_, index) => index);
}

export type Hop = {
  readonly work: Work;
  readonly decided: readonly Decided[];
  readonly choice: Choice;
  readonly report: AttemptReport;
  readonly openedAt: number;
  readonly endedAt: number;
  readonly next: Picked;
  readonly goingOn: readonly number[];
};

export function toProgress(hop: Hop): Progress {
  const { work, decided, next, goingOn } = hop;
  const opened = next.choice
    ? [...next.skipped, { hop: next.choice.hop, upstream: next.choice.upstream.name, skipped: null }]
    : [];
  // Those passed over behind the last upstream belong to the timeline too: that is why nothing more was tried.
  const passedOver = next.choice
    ? []
    : openedFor(
        work,
        decided.filter(wantedAnother).map(({ index }) => index),
        next.skipped,
      );
  return {
    ended: decided.map((one, i) => endedAttempt(hop, one, hop.report.peers?.[i] ?? hop.report)),
    opened: [...openedFor(work, goingOn, opened), ...passedOver],
    changes: decided.map(one => change(hop, one)),
  };
}

/** Whether another upstream would have been tried, had there been one. */
function wantedAnother({ result, step }: Decided): boolean {
  if (step.kind !== 'retryAt') return false;
  return result.kind === 'unreachable' || (result.kind === 'refused' && ['upstream', 'network'].includes(result.scope));
}

function key(work: Work, index: number) {
  return { messageId: work.messageId, n: work.numbers[index]!, attempt: work.attempt };
}

export function openedFor(
  work: Work,
  indexes: readonly number[],
  opened: readonly (Omit<Skipped, 'skipped'> & { readonly skipped: string | null })[],
): OpenedAttempt[] {
  return indexes.flatMap(index => opened.map(entry => ({ ...key(work, index), ...entry })));
}

function endedAttempt(
  { work, choice, openedAt, endedAt }: Hop,
  { index, result, step }: Decided,
  { remoteAddress, tls }: Peer,
): EndedAttempt {
  const answer = result.kind === 'accepted' || result.kind === 'refused' ? result.reply : null;
  return {
    ...key(work, index),
    hop: choice.hop,
    openedAt: new Date(openedAt),
    endedAt: new Date(endedAt),
    result: result.kind,
    stage: result.kind === 'accepted' ? null : result.stage,
    scope: result.kind === 'refused' ? result.scope : null,
    smtpCode: answer?.code ?? null,
    enhancedStatus: answer?.enhanced ?? null,
    detail: (answer?.text ?? (result as { error: string }).error).slice(0, 2_000).toWellFormed(),
    remoteAddress,
    tls,
    decision: `${describeStep(step)}${ruleOf(result)}`,
  };
}

function change({ work, choice, next }: Hop, { index, result, step }: Decided): DeliveryChange {
  const base = { ...key(work, index), reason: step.reason };
  const { name } = work.route;
  const eventData = {
    ...{ upstream: choice.upstream.name, ...(name !== DEFAULT_ROUTE && { route: name }) },
    ...{ reason: step.reason, ...describeResult(result) },
    ...(successIsOurs(work, index, result) ? { successIsOurs: true } : {}),
  };
  switch (step.kind) {
    case 'settle':
      return {
        ...base,
        state: step.state,
        dueInMs: null,
        waitsFor: null,
        pinnedUpstream: null,
        keepsLease: false,
        event: step.state,
        eventData,
      };
    case 'tryUpstream':
      return {
        ...base,
        ...{ state: 'queued', dueInMs: LEASE_MS, waitsFor: null, keepsLease: true, event: 'attempt-failed', eventData },
        pinnedUpstream: next.choice!.upstream.name,
      };
    case 'retryAt':
      return {
        ...base,
        ...{
          state: 'queued',
          dueInMs: step.delayMs,
          waitsFor: step.parked ? work.route.name : null,
          keepsLease: false,
          event: 'deferred',
          eventData,
        },
        pinnedUpstream: step.sameUpstream ? choice.upstream.name : null,
      };
  }
}

/** Whether somebody wants to be told of success whom nobody behind us will tell (RFC 3461 section 5.2.2). */
function successIsOurs(work: Work, index: number, result: AttemptResult): boolean {
  const asked = work.envelope.recipients[index]!.notify?.includes('SUCCESS') ?? false;
  return asked && work.envelope.reversePath !== null && result.kind === 'accepted' && !result.tellsSender;
}

/** What it is while an attempt is open: the lease is kept, and the upstream remembered should we die in between. */
export function pinTo(work: Work, upstream: string): DeliveryChange[] {
  return changeAll(keysOf(work), {
    dueInMs: LEASE_MS,
    pinnedUpstream: upstream,
    keepsLease: true,
    reason: 'being-tried',
  });
}

/**
 * No upstream takes it: it waits for one, without that counting as an attempt. A pinned upstream that is down does not
 * hold the message for ever: after this pause any may take it.
 */
export function putBack(work: Work, schedule: RetrySchedule, skipped: readonly Skipped[]): Progress {
  const isPinned = work.pinnedUpstream !== null;
  const changes = changeAll(keysOf(work), {
    dueInMs: schedule.stepsMs[0]!,
    waitsFor: isPinned ? null : work.route.name,
    reason: whyNobody(skipped),
    ...(isPinned ? {} : { uncounted: true }),
  });
  return { ended: [], opened: isPinned ? openedFor(work, all(work), skipped) : [], changes };
}

export function expire(work: Work): DeliveryChange[] {
  return changeAll(keysOf(work), { state: 'expired', dueInMs: null, reason: 'expired-in-queue', event: 'expired' });
}

/** When to come again, and why not now. */
export type Turn = Pick<DeliveryChange, 'reason' | 'waitsFor'> & { readonly dueInMs: number };

/**
 * Gives back what was claimed too early, before anything was tried, until its turn. What may have been delivered already
 * still is so at that upstream only.
 */
export function waitUntil(deliveries: readonly (DeliveryKey & PinnedTo)[], turn: Turn): Progress {
  const changes = deliveries.flatMap(one =>
    changeAll([one], { ...turn, pinnedUpstream: one.pinnedUpstream, uncounted: true }),
  );
  return { ended: [], opened: [], changes };
}

type PinnedTo = Pick<DeliveryChange, 'pinnedUpstream'>;

function changeAll(
  keys: readonly DeliveryKey[],
  change: Partial<DeliveryChange> & Pick<DeliveryChange, 'dueInMs' | 'reason'>,
): DeliveryChange[] {
  const unless = {
    state: 'queued',
    waitsFor: null,
    pinnedUpstream: null,
    keepsLease: false,
    event: null,
    eventData: null,
  } as const;
  return keys.map(({ messageId, n, attempt }) => ({ messageId, n, attempt, ...unless, ...change }));
}

/** Gives back work that was never begun: due at once, for whoever runs next. */
export function notStarted(work: Work, now: number): Progress {
  const hop = work.opened?.hop ?? null;
  const at = new Date(now);
  return {
    opened: [],
    ended:
      hop !== null
        ? all(work).map(index => ({
            ...key(work, index),
            ...{ hop, openedAt: at, endedAt: at, result: 'unreachable', stage: 'connect', scope: null },
            ...{ smtpCode: null, enhancedStatus: null, remoteAddress: null, tls: null },
            detail: 'not begun: shutting down',
            decision: 'retry at once: shutting-down',
          }))
        : [],
    changes: changeAll(keysOf(work), {
      ...{ dueInMs: 0, pinnedUpstream: work.pinnedUpstream, reason: 'shutting-down' },
      ...(hop === null ? { uncounted: true } : {}),
    }),
  };
}

export function describeStep(step: NextStep): string {
  switch (step.kind) {
    case 'settle':
      return `${step.state}: ${step.reason}`;
    case 'tryUpstream':
      return `next upstream: ${step.reason}`;
    case 'retryAt': {
      const where = step.sameUpstream ? ', same upstream' : step.parked ? ', or when an upstream is back' : '';
      return `retry in ${formatDuration(step.delayMs)}${step.asTold ? ' as told' : ''}${where}: ${step.reason}`;
    }
  }
}

/** Why the fault was found there, behind what follows from it. */
function ruleOf(result: AttemptResult): string {
  return result.kind === 'refused' ? ` (${result.rule})` : '';
}

export function describeResult(result: AttemptResult): object {
  switch (result.kind) {
    case 'accepted':
      return { reply: formatReply(result.reply), stage: 'final' };
    case 'refused':
      return { reply: formatReply(result.reply), stage: result.stage, rule: result.rule };
    case 'unreachable':
    case 'uncertain':
      return { error: result.error, stage: result.stage };
  }
}
