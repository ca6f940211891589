// One upstream's circuit in this process: whether mail may go there now. What opens and closes it is decided by
// upstreams/breaker.ts and holds here at once; circuit-watch.ts tells the other processes, and what they found out.
import type { AttemptResult, Upstream } from '../../src/mail/upstream.ts';
import { formatDuration } from '../../src/platform/duration.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import {
  admits,
  answered,
  type Breaker,
  begun,
  CLOSED,
  canBeTalkedTo,
  followed,
  gaveUp,
  isOpen,
  type Lesson,
  learned,
  looking,
  type Shared,
  tried,
} from '../upstreams/breaker.ts';
import { SessionError } from '../upstreams/greeting.ts';
import { lessonOf } from './lesson.ts';

/** What was found out here: it opened, it closed, or its look or trial came to nothing. */
export type Finding = { readonly kind: 'opened' | 'failed' | 'closed'; readonly lesson: Lesson };

export type CircuitOptions = {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** A delivery may be tried again, or the upstream is back. */
  readonly onOpportunity: () => void;
  readonly onFinding: (circuit: Circuit, finding: Finding) => void;
};

export class Circuit {
  readonly upstream: Upstream;
  readonly #options: CircuitOptions;
  readonly #stopped = new AbortController();
  #breaker: Breaker = CLOSED;
  /** Whose the trial is that runs. */
  #trial: object | null = null;
  #wasPassedOver = false;

  constructor(upstream: Upstream, options: CircuitOptions) {
    this.upstream = upstream;
    this.#options = options;
    this.#show();
  }

  get breaker(): Breaker {
    return this.#breaker;
  }

  get isOpen(): boolean {
    return isOpen(this.#breaker);
  }

  /** Whether a delivery may be sent there now. */
  get admits(): boolean {
    return admits(this.#breaker);
  }

  /** Aborted when it is looked for no more. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  // ── deliveries ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Why; and that there is mail which would rather have gone there. */
  passOver(now: number): string {
    this.#wasPassedOver = true;
    return this.whyPassedOver(now);
  }

  whyPassedOver(now: number): string {
    const { openedAt, lastError, cause } = this.#breaker;
    const forMs = Math.max(0, now - openedAt);
    if (cause === 'by-hand') return `open by hand for ${formatDuration(forMs)}${lastError ? ` (${lastError})` : ''}`;
    return `down for ${(forMs / 1_000).toFixed(1)} s (${lastError ?? 'no error known'})`;
  }

  /** A delivery begins; `by` stands for it until it has told. */
  begin(by: object): void {
    if (isOpen(this.#breaker)) this.#trial = by;
    this.#breaker = begun(this.#breaker);
  }

  /** Begins at last what was let through some time ago; or says why it is too late for it. */
  resume(by: object, now: number): string | null {
    if (admits(this.#breaker)) this.begin(by);
    return !isOpen(this.#breaker) || this.#isTrial(by) ? null : this.passOver(now);
  }

  /** It tells nothing. */
  abandon(by: object): void {
    if (this.#isTrial(by)) this.#breaker = answered(this.#breaker);
  }

  /** Draws what an attempt tells about the upstream itself. */
  learn(by: object, results: readonly AttemptResult[], now: number): void {
    // What one of many hosts does says nothing of the upstream.
    const lesson = this.upstream.hasManyHosts ? WELL : lessonOf(results);
    if (lesson === null) this.abandon(by);
    else this.#become((this.#isTrial(by) ? tried : learned)(this.#breaker, lesson, now), lesson);
  }

  #isTrial(by: object): boolean {
    return this.#breaker.trial === 'running' && this.#trial === by;
  }

  // ── looking, and other processes ──────────────────────────────────────────────────────────────────────────────

  /** Connects without mail; a delivery may go when that is answered. Throws nothing. */
  look(now: () => number): Promise<void> {
    return this.#probe(now, () => {
      this.#breaker = answered(this.#breaker);
      this.#options.onOpportunity();
    });
  }

  /** The same after no delivery came to be tried: where what was wrong was that nobody answered, that will do. */
  lookAgain(now: () => number): Promise<void> {
    return this.#probe(now, () => this.#become(tried(this.#breaker, WELL, now()), WELL));
  }

  /** Whether it was open for nothing that only mail can find out. */
  get canBeTalkedTo(): boolean {
    return canBeTalkedTo(this.#breaker);
  }

  async #probe(now: () => number, onAnswer: () => void): Promise<void> {
    this.#breaker = looking(this.#breaker);
    try {
      await this.upstream.probe(this.stopped);
      if (this.#breaker.trial === 'looking') onAnswer();
    } catch (error) {
      if (this.stopped.aborted || this.#breaker.trial !== 'looking') return;
      // Whatever it was open for, now it cannot even be talked to.
      const cause = error instanceof SessionError && error.stage === 'auth' ? 'login-refused' : 'unreachable';
      const lesson: Lesson = { kind: 'down', error: (error as Error).message, cause, retryAfterMs: null };
      this.#become(tried(this.#breaker, lesson, now()), lesson);
    }
  }

  /** No delivery came to be tried: others may. */
  giveUp(): void {
    this.#breaker = gaveUp(this.#breaker);
  }

  /** What all processes know now. */
  follow(shared: Shared, hasTrial: boolean, by: string | null): void {
    const before = this.#breaker;
    this.#breaker = followed(before, shared, hasTrial);
    this.#show();
    const { log, onOpportunity } = this.#options;
    const upstream = this.upstream.name;
    if (isOpen(this.#breaker) && (!isOpen(before) || this.#breaker.cause !== before.cause)) {
      const { cause, lastError: reason } = this.#breaker;
      log.info({ event: 'upstream-down', upstream, cause, reason, by }, 'upstream down, as others found out');
    }
    if (isOpen(before) && !isOpen(this.#breaker)) {
      log.info({ event: 'upstream-up', upstream }, 'upstream up, as others found out');
      onOpportunity();
    }
  }

  /** Whether mail would rather have gone there since this was asked last. */
  takeWish(): boolean {
    const wished = this.#wasPassedOver;
    this.#wasPassedOver = false;
    return wished;
  }

  /** Looks for the upstream no more. */
  stop(): void {
    this.#stopped.abort(new Error('shutting down'));
  }

  /** There is no upstream of that name any more. */
  leave(): void {
    this.stop();
    const { upstreamUp, circuitOpen } = this.#options.metrics;
    const upstream = this.upstream.name;
    upstreamUp.remove({ upstream });
    for (const cause of CAUSES) circuitOpen.remove({ upstream, cause });
  }

  #become(after: Breaker, lesson: Lesson): void {
    const before = this.#breaker;
    this.#breaker = after;
    const { log, onFinding, onOpportunity } = this.#options;
    const upstream = this.upstream.name;
    if (isOpen(after) && !isOpen(before)) {
      this.#show();
      const { cause, lastError: reason } = after;
      const rule = lesson.kind === 'well' ? undefined : lesson.rule;
      log.warn({ event: 'upstream-down', upstream, cause, reason, rule }, 'upstream down');
      onFinding(this, { kind: 'opened', lesson });
    } else if (isOpen(before) && !isOpen(after)) {
      this.#show();
      log.info({ event: 'upstream-up', upstream }, 'upstream up');
      onFinding(this, { kind: 'closed', lesson });
      onOpportunity();
    } else if (after.failures > before.failures) {
      this.#show();
      onFinding(this, { kind: 'failed', lesson });
    }
  }

  #show(): void {
    // Another may have taken its name.
    if (this.stopped.aborted) return;
    const { metrics } = this.#options;
    const upstream = this.upstream.name;
    metrics.upstreamUp.set({ upstream }, this.isOpen ? 0 : 1);
    for (const cause of CAUSES)
      metrics.circuitOpen.set({ upstream, cause }, this.isOpen && this.#breaker.cause === cause ? 1 : 0);
  }
}

const WELL: Lesson = { kind: 'well' };
const CAUSES = ['unreachable', 'login-refused', 'account-closed', 'error-rate', 'by-hand'] as const;
