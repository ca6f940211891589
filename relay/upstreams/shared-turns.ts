// Turns at an upstream that all processes share, fetched from the database in handfuls: a statement of its own for each
// message would cost as much as sending it. What was fetched and is not used in time is dropped. While the database is
// away, each process keeps to its part of the rate by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../../src/platform/postgres.ts';
import { takeTurns } from '../../src/store/turns.ts';
import type { Neighbourhood } from '../dispatch/neighbours.ts';
import { Line } from './line.ts';
import { howMany, LATEST_USE_MS, nextTurn, partOf, type Spacing } from './spacing.ts';

export type SharedTurnsOptions = {
  readonly pool: Pool;
  readonly neighbours: Pick<Neighbourhood, 'count'>;
  readonly upstream: string;
  readonly spacing: Spacing;
};

/** Fetched for what is wanted within that time; nobody else misses them where there is nobody else. */
const AHEAD_MS = 100;
const AHEAD_ALONE_MS = 1_000;
/** From one statement to the next, at the least. */
const GAP_MS = 50;
/** After a failure the database is left alone for so long. */
const AWAY_MS = 5_000;

export class SharedTurns {
  readonly #options: SharedTurnsOptions;
  /** When each that was fetched may be used; and when they came, which is when a turn of the past begins to age. */
  #stock: { readonly startsAt: number; readonly staleAt: number }[] = [];
  readonly #waiting = new Line<number>();
  #isServing = false;
  #wanted = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Nothing before that can be had of the database. */
  #horizon = Number.NEGATIVE_INFINITY;
  #awayUntil = Number.NEGATIVE_INFINITY;
  #ownNextAt = Number.NEGATIVE_INFINITY;
  /** On our own since the last answer: what has gathered in the database meanwhile was used. */
  #wasAway = false;

  constructor(options: SharedTurnsOptions) {
    this.#options = options;
  }

  /** The time, by `performance.now()`, from which on the caller may go. Rejects when the signal aborts first. */
  next(signal: AbortSignal): Promise<number> {
    this.#wanted += 1;
    const startsAt = this.#waiting.length === 0 ? this.#fromStock() : undefined;
    if (startsAt !== undefined) return Promise.resolve(startsAt);
    const turn = this.#waiting.wait(signal);
    void this.#serve();
    return turn;
  }

  /** Was not used, and may be by somebody else. */
  putBack(startsAt: number): void {
    const staleAt = Math.max(startsAt, performance.now()) + LATEST_USE_MS;
    this.#stock = [...this.#stock, { startsAt, staleAt }].sort((a, b) => a.startsAt - b.startsAt);
    this.#handOut();
  }

  /** One statement at a time: whoever comes meanwhile shares the next. */
  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    while (this.#waiting.length > 0) {
      const mayBeHad = this.#wasAway ? this.#ownNextAt : this.#horizon;
      const pauseMs = Math.max(this.#askedAt + GAP_MS, mayBeHad - AHEAD_MS) - performance.now();
      if (pauseMs > 0) await sleep(pauseMs, undefined, { ref: false });
      if (this.#waiting.length > 0) await this.#fetch();
      this.#handOut();
    }
    this.#isServing = false;
  }

  async #fetch(): Promise<void> {
    const { pool, upstream, spacing, neighbours } = this.#options;
    const now = performance.now();
    if (now < this.#awayUntil) return this.#goAlone();
    const aheadMs = neighbours.count === 1 ? AHEAD_ALONE_MS : AHEAD_MS;
    const lately = { wanted: this.#wanted, withinMs: now - this.#askedAt };
    const count = howMany(this.#waiting.length, lately, { intervalMs: spacing.intervalMs, aheadMs });
    this.#wanted = 0;
    this.#askedAt = now;
    try {
      const creditMs = this.#wasAway ? 0 : spacing.creditMs;
      const taken = await takeTurns(pool, { ...spacing, creditMs, upstream, count, warmup: null });
      this.#wasAway = false;
      this.#keep(performance.now(), taken.firstAt - taken.now, count);
    } catch {
      // Whoever has mail in memory goes on with it; the log has plenty about the database by then.
      this.#awayUntil = performance.now() + AWAY_MS;
      this.#goAlone();
    }
  }

  /** By our clock from the moment of the answer: late by its way here, never early. */
  #keep(now: number, startsInMs: number, count: number): void {
    const { intervalMs } = this.#options.spacing;
    for (let i = 0; i < count; i += 1) {
      const startsAt = now + startsInMs + i * intervalMs;
      this.#stock.push({ startsAt, staleAt: Math.max(startsAt, now) + LATEST_USE_MS });
    }
    this.#horizon = now + startsInMs + count * intervalMs;
  }

  /** Only what is at hand: the database may be back before the next. */
  #goAlone(): void {
    const { spacing, neighbours } = this.#options;
    const part = partOf(spacing, neighbours.count);
    const now = performance.now();
    // Not before what was fetched already is used.
    if (!this.#wasAway) this.#ownNextAt = Math.max(this.#ownNextAt, this.#horizon);
    this.#wasAway = true;
    while (this.#waiting.length > 0) {
      const { startsAt, nextAt } = nextTurn(this.#ownNextAt, now, part);
      if (startsAt > now + AHEAD_MS) return;
      this.#ownNextAt = nextAt;
      this.#waiting.give(startsAt);
    }
  }

  #handOut(): void {
    while (this.#waiting.length > 0) {
      const startsAt = this.#fromStock();
      if (startsAt === undefined) return;
      this.#waiting.give(startsAt);
    }
  }

  #fromStock(): number | undefined {
    if (this.#stock.length === 0) return undefined;
    const now = performance.now();
    while (this.#stock.length > 0 && this.#stock[0]!.staleAt < now) this.#stock.shift();
    return this.#stock.shift()?.startsAt;
  }
}
