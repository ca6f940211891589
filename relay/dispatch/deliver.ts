// Takes one piece of work through its attempt: upstream after upstream until every recipient has an outcome, each hop
// recorded before its connection is made and each outcome with what was decided and why.
import { domainOf } from '../../src/mail/address.ts';
import type { Envelope } from '../../src/mail/envelope.ts';
import type { AttemptReport, AttemptResult } from '../../src/mail/upstream.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { RetrySchedule } from '../../src/platform/duration.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import type { DeliveryMarks } from '../delivery-marks.ts';
import { nextStep } from '../retry.ts';
import type { ReturnPaths } from '../return-path.ts';
import { type MessageFacts, recipientDomain } from '../routing/match.ts';
import { all, type Decided, describeResult, expire, openedFor, pinTo, putBack, toProgress } from './progress.ts';
import type { Recorder } from './recorder.ts';
import { isSlowing, type Slowdowns } from './slowdowns.ts';
import type { Choice, Picked, Switchboard } from './switchboard.ts';
import { eachAlone, type Work } from './work.ts';

/** What the settings say of how mail leaves, and when again. */
export type Habits = {
  /** null: mail leaves with the reverse-path that it came with. */
  readonly returnPaths: ReturnPaths | null;
  readonly marks: DeliveryMarks;
  readonly scheduleOf: (message: MessageFacts) => RetrySchedule;
};

export type DeliverOptions = {
  readonly switchboard: Switchboard;
  readonly slowdowns: Slowdowns;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** As they are now. */
  readonly habits: () => Habits;
  /** Whether recipients that travel alone go one after the other. */
  readonly isLimited: (work: Work) => boolean;
  /** An upstream took a delivery of that route. */
  readonly onDelivered: (route: string, upstream: string) => void;
  /** Called with the delay of each retry. */
  readonly onRetry: (delayMs: number) => void;
};

/** Ends the attempts; they are recorded all the same. */
type Signals = { readonly attempt: AbortSignal; readonly record: AbortSignal };

/** Of one message's recipients, when each travels alone: other messages want connections too. */
const SIDE_BY_SIDE = 5;

export async function deliver(work: Work, options: DeliverOptions, signals: Signals): Promise<void> {
  if (!options.habits().returnPaths?.splits(work.envelope)) return deliverTogether(work, options, signals);
  const waiting = eachAlone(work);
  const takeTurns = async () => {
    for (let alone = waiting.shift(); alone; alone = waiting.shift()) await deliverTogether(alone, options, signals);
  };
  const sideBySide = options.isLimited(work) ? 1 : SIDE_BY_SIDE;
  const lanes = await Promise.allSettled(Array.from({ length: sideBySide }, takeTurns));
  const broken = lanes.find(lane => lane.status === 'rejected');
  if (broken) throw broken.reason;
}

async function deliverTogether(work: Work, options: DeliverOptions, signals: Signals): Promise<void> {
  const { switchboard, recorder, clock } = options;
  let pending = all(work);
  let choice = work.opened ?? (await openFirst(work, options, signals));
  while (choice !== null) {
    const openedAt = clock();
    const down = choice === work.opened ? choice.circuit.resume(choice, openedAt) : null;
    const report = down === null ? await tryOnce(work, pending, choice, options, signals.attempt) : untried(pending);
    if (down === null) learn(work, pending, report.results, choice, openedAt, options);
    const next: Picked =
      work.pinnedUpstream === null ? switchboard.pick(work.route, choice.hop + 1, clock()) : NOBODY_NEXT;
    const decided = decide(work, pending, report.results, next.choice !== null, options);
    tell(work, decided, choice, clock() - openedAt, options);
    const goingOn = decided.filter(({ step }) => step.kind === 'tryUpstream').map(({ index }) => index);
    if (goingOn.length > 0) next.choice!.circuit.begin(next.choice!);
    const progress = toProgress({ work, decided, choice, report, openedAt, endedAt: clock(), next, goingOn });
    const leaseHeld = await recorder.record(progress, signals.record);
    if (goingOn.length > 0 && !leaseHeld) next.choice!.circuit.abandon(next.choice!);
    choice = goingOn.length > 0 && leaseHeld ? next.choice : null;
    pending = goingOn;
  }
}

/** What it tells about the upstream, and about how fast mail may go there. */
function learn(
  work: Work,
  pending: readonly number[],
  results: readonly AttemptResult[],
  choice: Choice,
  begunAt: number,
  { clock, slowdowns }: DeliverOptions,
): void {
  choice.circuit.learn(choice, results, clock());
  // Of an upstream that is gone, or was changed, nothing is learned about the one that has its name now.
  if (!results.some(isSlowing) || choice.circuit.stopped.aborted) return;
  const domains = pending.map(index => recipientDomain(work.envelope.recipients[index]!.address));
  slowdowns.learn({ upstream: choice.upstream, domains, results, begunAt }, clock());
}

const NOBODY_NEXT: Picked = { choice: null, skipped: [], comeAgain: null };

/**
 * Opens the attempt of claimed work, before connecting. null = there is none: it is too old, no upstream takes it now, or
 * somebody else has its lease.
 */
async function openFirst(work: Work, options: DeliverOptions, signals: Signals): Promise<Choice | null> {
  const { switchboard, recorder, clock, habits, metrics } = options;
  if (clock() >= work.expiresAt) {
    metrics.settled.inc({ state: 'expired' }, work.numbers.length);
    await recorder.record({ ended: [], opened: [], changes: expire(work) }, signals.record);
    return null;
  }
  const picked = switchboard.pick(work.route, work.begin.hop, clock());
  const { choice } = picked;
  const skipped = [...work.begin.skipped, ...picked.skipped];
  if (choice === null) {
    await recorder.record(putBack(work, habits().scheduleOf(work.message), skipped), signals.record);
    return null;
  }
  choice.circuit.begin(choice);
  const upstream = choice.upstream.name;
  const opened = openedFor(work, all(work), [...skipped, { hop: choice.hop, upstream, skipped: null }]);
  const leaseHeld = await recorder.record({ ended: [], opened, changes: pinTo(work, upstream) }, signals.record);
  if (!leaseHeld) choice.circuit.abandon(choice);
  return leaseHeld ? choice : null;
}

function tryOnce(
  work: Work,
  pending: readonly number[],
  choice: Choice,
  { habits }: DeliverOptions,
  signal: AbortSignal,
): Promise<AttemptReport> {
  const { upstream } = choice;
  const { returnPaths, marks } = habits();
  const envelope: Envelope =
    pending.length === work.numbers.length
      ? work.envelope
      : { ...work.envelope, recipients: pending.map(index => work.envelope.recipients[index]!) };
  const numbers = pending.map(index => work.numbers[index]!);
  const addressed = returnPaths?.address(envelope, work.messageId, numbers, upstream.name) ?? envelope;
  return upstream.attempt(addressed, marks(work.parts, work.messageId, numbers, upstream.name), signal);
}

const WENT_DOWN = 'it went down while this waited for its turn';

/** Its upstream went down while the message waited for its turn: not one more wait for a host that does not answer. */
function untried(pending: readonly number[]): AttemptReport {
  // Not what the host said to others: that may be about their mail, and this stands in notifications.
  const result: AttemptResult = { kind: 'unreachable', stage: 'connect', error: WENT_DOWN };
  return { results: pending.map(() => result), remoteAddress: null, tls: null };
}

function decide(
  work: Work,
  pending: readonly number[],
  results: readonly AttemptResult[],
  upstreamLeft: boolean,
  options: DeliverOptions,
): Decided[] {
  const { switchboard, clock, habits, random } = options;
  const schedule = habits().scheduleOf(work.message);
  // What is pinned has one upstream to wait for, and waits its time: another one might deliver it twice.
  const allDown = work.pinnedUpstream === null && switchboard.isDown(work.route);
  return pending.map((index, i) => {
    const result = results[i]!;
    const step = nextStep({
      result,
      attempt: work.counted,
      upstreamLeft,
      allDown,
      now: clock(),
      expiresAt: work.expiresAt,
      schedule,
      random: random(),
    });
    return { index, result, step };
  });
}

function tell(
  work: Work,
  decided: readonly Decided[],
  choice: Choice,
  durationMs: number,
  options: DeliverOptions,
): void {
  const { log, metrics, clock, onRetry } = options;
  for (const { index, result, step } of decided) {
    const upstream = choice.upstream.name;
    const domain = domainOf(work.envelope.recipients[index]!.address);
    const { kind: outcome } = result;
    const scope = outcome === 'refused' ? result.scope : 'none';
    metrics.attempts.inc({ upstream, result: outcome, stage: outcome === 'accepted' ? 'final' : result.stage, scope });
    metrics.recipientDomainAttempts.inc({ domain: metrics.domainLabel(domain), result: outcome });
    if (outcome === 'accepted') options.onDelivered(work.route.name, upstream);
    const fields = {
      messageId: work.messageId,
      deliveryId: `${work.messageId}.${work.numbers[index]}`,
      attempt: work.counted,
      upstream,
      recipientDomain: domain,
      ...describeResult(result),
      reason: step.reason,
      durationMs,
    };
    switch (step.kind) {
      case 'settle':
        metrics.settled.inc({ state: step.state });
        if (step.state === 'delivered') metrics.deliverySeconds.observe((clock() - work.acceptedAt) / 1_000);
        log.info({ event: step.state, ...fields }, step.state);
        break;
      case 'tryUpstream':
        log.info({ event: 'attempt-failed', ...fields }, 'attempt-failed');
        break;
      case 'retryAt':
        log.info({ event: 'deferred', ...fields, retryInMs: step.delayMs }, 'deferred');
        onRetry(step.delayMs);
    }
  }
}
