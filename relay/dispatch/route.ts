// The upstreams in their order, and what is known of their health. Says which one to try, and why others are passed over.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptResult, Upstream } from '../../src/mail/upstream.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import { admits, answered, type Breaker, begun, CLOSED, failed, isOpen, pauseMs } from '../upstreams/breaker.ts';
import { SessionError } from '../upstreams/greeting.ts';

export type Choice = {
  readonly hop: number;
  readonly upstream: Upstream;
};

export type Skipped = { readonly hop: number; readonly upstream: string; readonly skipped: string };

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
    const trouble = results.find(isTrouble);
    if (trouble) this.#opened(hop, describe(trouble), now, 'stage' in trouble && trouble.stage === 'auth');
    else this.#closed(hop);
  }

  /** Looks for upstreams no more. */
  stop(): void {
    this.#stopped.abort(new Error('shutting down'));
  }

  #opened(hop: number, error: string, now: number, isLoginRefused: boolean): void {
    const before = this.#breakers[hop]!;
    this.#breakers[hop] = failed(before, now, error, isLoginRefused);
    const upstream = this.#upstreams[hop]!.name;
    this.#metrics.upstreamUp.set({ upstream }, 0);
    if (!isOpen(before)) this.#log.warn({ event: 'upstream-down', upstream, reason: error }, 'upstream down');
    // One look is on its way already when many deliveries fail together.
    if (!this.#looking.has(hop)) void this.#lookAgain(hop);
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
      const isLoginRefused = error instanceof SessionError && error.stage === 'auth';
      this.#opened(hop, (error as Error).message, Date.now(), isLoginRefused);
    }
  }

  #closed(hop: number): void {
    const before = this.#breakers[hop]!;
    this.#breakers[hop] = CLOSED;
    if (!isOpen(before)) return;
    const upstream = this.#upstreams[hop]!.name;
    this.#metrics.upstreamUp.set({ upstream }, 1);
    this.#log.info({ event: 'upstream-up', upstream }, 'upstream up');
    this.onOpportunity();
  }
}

/** No conversation, one that broke off, or a host that is closing: not what it says about a message. */
function isTrouble(result: AttemptResult): boolean {
  if (result.kind === 'unreachable') return result.error !== 'shutting down';
  if (result.kind === 'uncertain') return result.error !== 'shutting down';
  if (result.kind === 'accepted') return false;
  return result.reply.code === 421 || ['connect', 'tls', 'banner', 'ehlo', 'auth'].includes(result.stage);
}

function describe(result: AttemptResult): string {
  switch (result.kind) {
    case 'accepted':
    case 'refused':
      return `${result.reply.code} ${result.reply.text}`;
    case 'unreachable':
    case 'uncertain':
      return `${result.stage}: ${result.error}`;
  }
}

function whyPassedOver(breaker: Breaker, now: number): string {
  const seconds = ((now - breaker.openedAt) / 1_000).toFixed(1);
  return `down for ${seconds} s (${breaker.lastError ?? 'no error known'})`;
}
