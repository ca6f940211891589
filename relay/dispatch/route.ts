// The upstreams in their order, and what is known of their health. Says which one to try, and why others are passed over.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptResult, Upstream } from '../../src/mail/upstream.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import { admits, answered, type Breaker, begun, CLOSED, isOpen, learned, pauseMs } from '../upstreams/breaker.ts';
import { SessionError } from '../upstreams/greeting.ts';
import { type Lesson, lessonOf } from './lesson.ts';

export type Choice = {
  readonly hop: number;
  readonly upstream: Upstream;
};

export type Skipped = { readonly hop: number; readonly upstream: string; readonly skipped: string };

/** Its circuit opened, or closed. */
export type UpstreamChange = {
  readonly upstream: string;
  readonly kind: 'upstream-down' | 'upstream-up';
  /** What is known of it; empty when it is up. */
  readonly why: { readonly cause?: Breaker['cause']; readonly reason?: string; readonly rule?: string };
};

export type Picked = { readonly choice: Choice | null; readonly skipped: readonly Skipped[] };

export class Route {
  readonly #upstreams: readonly Upstream[];
  readonly #breakers: Breaker[];
  readonly #log: Logger;
  readonly #metrics: Metrics;
  /** Hops whose upstream is about to be looked at. */
  readonly #looking = new Set<number>();
  readonly #stopped = new AbortController();
  /** Called when a delivery may be tried again, and when an upstream is back. */
  onOpportunity: () => void = () => undefined;
  /** Called when a circuit opens or closes. */
  onChange: (change: UpstreamChange) => void = () => undefined;

  constructor(upstreams: readonly Upstream[], log: Logger, metrics: Metrics) {
    this.#upstreams = upstreams;
    this.#breakers = upstreams.map(() => CLOSED);
    this.#log = log;
    this.#metrics = metrics;
    for (const upstream of upstreams) metrics.upstreamUp.set({ upstream: upstream.name }, 1);
  }

  /** The first upstream from `from` on that may be tried. With `pinned`, only that one; unless it is gone from the route. */
  pick(from: number, now: number, pinned: string | null = null): Picked {
    const skipped: Skipped[] = [];
    const pinnedHop = pinned === null ? -1 : this.#upstreams.findIndex(upstream => upstream.name === pinned);
    const end = pinnedHop >= 0 ? pinnedHop + 1 : this.#upstreams.length;
    for (let hop = pinnedHop >= 0 ? Math.max(pinnedHop, from) : from; hop < end; hop += 1) {
      const upstream = this.#upstreams[hop]!;
      if (admits(this.#breakers[hop]!)) return { choice: { hop, upstream }, skipped };
      skipped.push({ hop, upstream: upstream.name, skipped: whyPassedOver(this.#breakers[hop]!, now) });
    }
    return { choice: null, skipped };
  }

  at(hop: number): Choice {
    return { hop, upstream: this.#upstreams[hop]! };
  }

  /** How many deliveries may be begun now: none, a single one on trial, or as many as there is room for. */
  get appetite(): 'none' | 'one' | 'many' {
    if (this.#breakers.some(breaker => !isOpen(breaker))) return 'many';
    return this.#breakers.some(admits) ? 'one' : 'none';
  }

  /** Whether no upstream is believed to take mail. */
  get allDown(): boolean {
    return this.#breakers.every(isOpen);
  }

  whyDown(now: number): string {
    return this.#upstreams
      .map((upstream, hop) => `${upstream.name}: ${whyPassedOver(this.#breakers[hop]!, now)}`)
      .join('; ');
  }

  begin(hop: number): void {
    this.#breakers[hop] = begun(this.#breakers[hop]!);
  }

  /** Begins at last what was let through some time ago; or says why it is too late for it. */
  resume(hop: number, now: number): string | null {
    const breaker = this.#breakers[hop]!;
    if (admits(breaker)) this.begin(hop);
    return !isOpen(breaker) || breaker.trial !== 'no' ? null : whyPassedOver(breaker, now);
  }

  abandon(hop: number): void {
    this.#breakers[hop] = answered(this.#breakers[hop]!);
  }

  /** Draws what an attempt tells about the upstream itself. */
  learn(hop: number, results: readonly AttemptResult[], now: number): void {
    const lesson = lessonOf(results);
    if (lesson) this.#take(hop, lesson, now);
  }

  /** Looks for upstreams no more. */
  stop(): void {
    this.#stopped.abort(new Error('shutting down'));
  }

  #take(hop: number, lesson: Lesson, now: number): void {
    const before = this.#breakers[hop]!;
    const after = learned(before, lesson, now);
    this.#breakers[hop] = after;
    if (isOpen(after) && !isOpen(before)) this.#tellDown(hop, after, lesson);
    if (isOpen(before) && !isOpen(after)) this.#tellUp(hop);
    // One look is on its way already when many deliveries fail together.
    if (after.failures > before.failures && !this.#looking.has(hop)) void this.#lookAgain(hop);
  }

  async #lookAgain(hop: number): Promise<void> {
    this.#looking.add(hop);
    try {
      await sleep(pauseMs(this.#breakers[hop]!), undefined, { signal: this.#stopped.signal, ref: false });
      await this.#upstreams[hop]!.probe(this.#stopped.signal);
      this.#looking.delete(hop);
      this.#breakers[hop] = answered(this.#breakers[hop]!);
      this.onOpportunity();
    } catch (error) {
      this.#looking.delete(hop);
      if (this.#stopped.signal.aborted) return;
      // Whatever it was open for, now it cannot even be talked to.
      const cause = error instanceof SessionError && error.stage === 'auth' ? 'login-refused' : 'unreachable';
      const lesson: Lesson = { kind: 'down', error: (error as Error).message, cause, retryAfterMs: null };
      this.#take(hop, lesson, Date.now());
    }
  }

  #tellDown(hop: number, { cause, lastError }: Breaker, lesson: Lesson): void {
    const upstream = this.#upstreams[hop]!.name;
    const reason = lastError ?? 'no error known';
    const why = { cause, reason, ...(lesson.kind !== 'well' && lesson.rule ? { rule: lesson.rule } : {}) };
    this.#metrics.upstreamUp.set({ upstream }, 0);
    this.#log.warn({ event: 'upstream-down', upstream, ...why }, 'upstream down');
    this.onChange({ upstream, kind: 'upstream-down', why });
  }

  #tellUp(hop: number): void {
    const upstream = this.#upstreams[hop]!.name;
    this.#metrics.upstreamUp.set({ upstream }, 1);
    this.#log.info({ event: 'upstream-up', upstream }, 'upstream up');
    this.onChange({ upstream, kind: 'upstream-up', why: {} });
    this.onOpportunity();
  }
}

function whyPassedOver(breaker: Breaker, now: number): string {
  const seconds = ((now - breaker.openedAt) / 1_000).toFixed(1);
  return `down for ${seconds} s (${breaker.lastError ?? 'no error known'})`;
}
