// Turns at an upstream that is being warmed up: each is counted in the database before it is used, by all processes
// together, so none is fetched ahead. A turn that led to no transaction is given back. While the database is away nobody can
// count, and nothing is sent there.
import { setTimeout as sleep } from 'node:timers/promises';
import { OUR_END } from '../../src/mail/upstream.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import type { WarmupSchedule } from '../../src/platform/url-parameters.ts';
import { giveTurnBack, readTurns, takeTurns } from '../../src/store/turns.ts';
import { Line } from './line.ts';
import { howMany, type Spacing } from './spacing.ts';
import { type Full, fullAfter } from './warmup.ts';

export type WarmupTurnsOptions = {
  readonly pool: Pool;
  readonly upstream: string;
  readonly schedule: WarmupSchedule;
  /** null = no rate. */
  readonly spacing: Spacing | null;
  readonly clock: Clock;
};

/** As a time of `performance.now()`, with the day that it was counted on. */
export type WarmupTurn = { readonly startsAt: number; readonly day: string };

/** Fetched so long before they are due; others are as likely to want them. */
const AHEAD_MS = 100;
/** Another process may have given back what made it full. */
const LOOK_AGAIN_MS = 30_000;
const AS_FAST_AS_IT_GOES: Spacing = { intervalMs: 0, creditMs: 0 };

export class WarmupTurns {
  readonly #options: WarmupTurnsOptions;
  readonly #line = new Line<WarmupTurn>();
  #isServing = false;
  #horizon = Number.NEGATIVE_INFINITY;
  #full: Full | null = null;
  #lookAgainAt = 0;

  constructor(options: WarmupTurnsOptions) {
    this.#options = options;
  }

  /** As far as this process knows. */
  notNow(now: number): Full | null {
    const before = fullAfter(this.#options.schedule, 0, now);
    if (before || !this.#full) return before;
    if (now >= this.#full.until) this.#full = null;
    else if (now >= this.#lookAgainAt) void this.#lookAgain(now);
    return this.#full;
  }

  /** Rejects with one of `OUR_END` when it is full, or nobody can count. */
  next(signal: AbortSignal): Promise<WarmupTurn> {
    const turn = this.#line.wait(signal);
    void this.#serve();
    return turn;
  }

  /** It was not used. */
  async giveBack({ day }: WarmupTurn): Promise<void> {
    const { pool, upstream } = this.#options;
    this.#full = null;
    // Lost, at the worst: one message less today.
    await giveTurnBack(pool, upstream, day).catch(() => undefined);
  }

  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    while (this.#line.length > 0) {
      const pauseMs = this.#horizon - AHEAD_MS - performance.now();
      if (pauseMs > 0) await sleep(pauseMs, undefined, { ref: false });
      if (this.#line.length > 0) await this.#fetch();
    }
    this.#isServing = false;
  }

  async #fetch(): Promise<void> {
    const { pool, upstream, schedule, spacing } = this.#options;
    const { intervalMs, creditMs } = spacing ?? AS_FAST_AS_IT_GOES;
    const count = howMany(this.#line.length, { wanted: 0, withinMs: 0 }, { intervalMs, aheadMs: 0 });
    try {
      const taken = await takeTurns(pool, { upstream, count, intervalMs, creditMs, warmup: schedule });
      const firstAt = performance.now() + taken.firstAt - taken.now;
      this.#horizon = firstAt + taken.granted * intervalMs;
      this.#full = fullAfter(schedule, taken.used, taken.now);
      this.#lookAgainAt = this.#options.clock() + LOOK_AGAIN_MS;
      for (let i = 0; i < taken.granted; i += 1) {
        const turn = { startsAt: firstAt + i * intervalMs, day: taken.day };
        if (!this.#line.give(turn)) await this.giveBack(turn);
      }
      if (taken.granted < count) this.#line.refuseAll(new Error(this.#full?.reason ?? OUR_END.warmup));
    } catch {
      this.#line.refuseAll(new Error(`${OUR_END.warmup} the database does not answer, nobody can count`));
    }
  }

  async #lookAgain(now: number): Promise<void> {
    const { pool, upstream, schedule } = this.#options;
    this.#lookAgainAt = now + LOOK_AGAIN_MS;
    const turns = await readTurns(pool).catch(() => null);
    const known = turns?.find(one => one.upstream === upstream);
    if (known) this.#full = fullAfter(schedule, known.used, now);
  }
}
