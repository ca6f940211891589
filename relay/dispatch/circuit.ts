// One upstream's circuit: whether mail may go there now, and who finds out when it may again. What opens and closes it is
// decided by upstreams/breaker.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptResult, Upstream } from '../../src/mail/upstream.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import { admits, answered, type Breaker, begun, CLOSED, isOpen, learned, pauseMs } from '../upstreams/breaker.ts';
import { SessionError } from '../upstreams/greeting.ts';
import { type Lesson, lessonOf } from './lesson.ts';

/** It opened, or closed. */
export type UpstreamChange = {
  readonly upstream: string;
  readonly kind: 'upstream-down' | 'upstream-up';
  /** What is known of it; empty when it is up. */
  readonly why: { readonly cause?: Breaker['cause']; readonly reason?: string; readonly rule?: string };
};

export type CircuitOptions = {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** A delivery may be tried again, or the upstream is back. */
  readonly onOpportunity: () => void;
  readonly onChange: (change: UpstreamChange) => void;
};

export class Circuit {
  readonly #upstream: Upstream;
  readonly #options: CircuitOptions;
  readonly #stopped = new AbortController();
  #breaker: Breaker = CLOSED;
  /** The upstream is about to be looked at. */
  #isLooking = false;

  constructor(upstream: Upstream, options: CircuitOptions) {
    this.#upstream = upstream;
    this.#options = options;
    options.metrics.upstreamUp.set({ upstream: upstream.name }, 1);
  }

  get isOpen(): boolean {
    return isOpen(this.#breaker);
  }

  /** Whether a delivery may be sent there now. */
  get admits(): boolean {
    return admits(this.#breaker);
  }

  whyPassedOver(now: number): string {
    const seconds = ((now - this.#breaker.openedAt) / 1_000).toFixed(1);
    return `down for ${seconds} s (${this.#breaker.lastError ?? 'no error known'})`;
  }

  begin(): void {
    this.#breaker = begun(this.#breaker);
  }

  /** Begins at last what was let through some time ago; or says why it is too late for it. */
  resume(now: number): string | null {
    if (admits(this.#breaker)) this.begin();
    return !isOpen(this.#breaker) || this.#breaker.trial !== 'no' ? null : this.whyPassedOver(now);
  }

  abandon(): void {
    this.#breaker = answered(this.#breaker);
  }

  /** Draws what an attempt tells about the upstream itself. */
  learn(results: readonly AttemptResult[], now: number): void {
    // What one of many hosts does says nothing of the upstream.
    const lesson = this.#upstream.hasManyHosts ? WELL : lessonOf(results);
    if (lesson) this.#take(lesson, now);
  }

  /** Looks for the upstream no more. */
  stop(): void {
    this.#stopped.abort(new Error('shutting down'));
  }

  #take(lesson: Lesson, now: number): void {
    const before = this.#breaker;
    const after = learned(before, lesson, now);
    this.#breaker = after;
    if (isOpen(after) && !isOpen(before)) this.#tellDown(after, lesson);
    if (isOpen(before) && !isOpen(after)) this.#tellUp();
    // One look is on its way already when many deliveries fail together.
    if (after.failures > before.failures && !this.#isLooking) void this.#lookAgain();
  }

  async #lookAgain(): Promise<void> {
    const { signal } = this.#stopped;
    this.#isLooking = true;
    try {
      await sleep(pauseMs(this.#breaker), undefined, { signal, ref: false });
      await this.#upstream.probe(signal);
      this.#isLooking = false;
      this.#breaker = answered(this.#breaker);
      this.#options.onOpportunity();
    } catch (error) {
      this.#isLooking = false;
      if (signal.aborted) return;
      // Whatever it was open for, now it cannot even be talked to.
      const cause = error instanceof SessionError && error.stage === 'auth' ? 'login-refused' : 'unreachable';
      this.#take({ kind: 'down', error: (error as Error).message, cause, retryAfterMs: null }, Date.now());
    }
  }

  #tellDown({ cause, lastError }: Breaker, lesson: Lesson): void {
    const { log, metrics, onChange } = this.#options;
    const upstream = this.#upstream.name;
    const reason = lastError ?? 'no error known';
    const why = { cause, reason, ...(lesson.kind !== 'well' && lesson.rule ? { rule: lesson.rule } : {}) };
    metrics.upstreamUp.set({ upstream }, 0);
    log.warn({ event: 'upstream-down', upstream, ...why }, 'upstream down');
    onChange({ upstream, kind: 'upstream-down', why });
  }

  #tellUp(): void {
    const { log, metrics, onChange, onOpportunity } = this.#options;
    const upstream = this.#upstream.name;
    metrics.upstreamUp.set({ upstream }, 1);
    log.info({ event: 'upstream-up', upstream }, 'upstream up');
    onChange({ upstream, kind: 'upstream-up', why: {} });
    onOpportunity();
  }
}

const WELL: Lesson = { kind: 'well' };
