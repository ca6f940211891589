// Lets messages through to one upstream at its rate, each turn one interval after the one before, and no more a day than its
// warm-up allows. With the database, the turns of all processes are one line; without it (a command that sends nothing, a
// test) they are this process's own. Neither rate nor warm-up costs nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import type { WarmupSchedule } from '../../src/platform/url-parameters.ts';
import type { Neighbourhood } from '../dispatch/neighbours.ts';
import { SharedTurns } from './shared-turns.ts';
import { nextTurn, type Spacing, sharedSpacingOf, spacingOf } from './spacing.ts';
import { type Full, warmupLimit } from './warmup.ts';
import { WarmupTurns } from './warmup-turns.ts';

/** What dispatchers share their pace by. */
export type SharedPace = {
  readonly pool: Pool;
  readonly neighbours: Neighbourhood;
};

export type Paced = {
  readonly name: string;
  readonly ratePerSecond: number | null;
  readonly warmup: WarmupSchedule | null;
};

/** Leave to send one message. */
export type Turn = {
  /** It was not used: a warm-up counts it no more. At a rate it is lost, or a dead host would be tried as fast as it goes. */
  giveBack(): void;
};

/** Where turns at a rate come from, as times of `performance.now()`. */
type Turns = {
  next(signal: AbortSignal): Promise<number>;
  /** Nobody had it. */
  putBack(startsAt: number): void;
};

const NOT_COUNTED: Turn = { giveBack: () => undefined };

export class Pacer {
  readonly #turns: Turns | null;
  readonly #warmup: { readonly schedule: WarmupSchedule; readonly turns: WarmupTurns } | null;
  readonly #clock: Clock;

  constructor(paced: Paced, shared: SharedPace | null = null, clock: Clock = systemClock) {
    this.#turns = turnsOf(paced, shared);
    this.#warmup = warmupOf(paced, shared, clock);
    this.#clock = clock;
  }

  /** Why there is no turn before a time. */
  notNow(now: number): Full | null {
    return this.#warmup?.turns.notNow(now) ?? null;
  }

  /** Resolves when it is the caller's turn; rejects when the signal aborts first, or there is none today. */
  async turn(signal: AbortSignal): Promise<Turn> {
    if (this.#warmup !== null && warmupLimit(this.#warmup.schedule, this.#clock()) !== null) {
      return this.#countedTurn(this.#warmup.turns, signal);
    }
    if (this.#turns === null) return NOT_COUNTED;
    signal.throwIfAborted();
    const startsAt = await this.#turns.next(signal);
    await until(startsAt, signal, () => this.#turns!.putBack(startsAt));
    return NOT_COUNTED;
  }

  async #countedTurn(turns: WarmupTurns, signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted();
    const turn = await turns.next(signal);
    const giveBack = () => void turns.giveBack(turn);
    await until(turn.startsAt, signal, giveBack);
    return { giveBack };
  }
}

async function until(startsAt: number, signal: AbortSignal, onLeaving: () => void): Promise<void> {
  const waitMs = startsAt - performance.now();
  if (waitMs <= 0) return;
  await sleep(waitMs, undefined, { signal }).catch(() => {
    onLeaving();
    throw signal.reason;
  });
}

function turnsOf({ name, ratePerSecond }: Paced, shared: SharedPace | null): Turns | null {
  if (ratePerSecond === null) return null;
  if (shared === null) return new OwnTurns(spacingOf(ratePerSecond));
  return new SharedTurns({ ...shared, upstream: name, spacing: sharedSpacingOf(ratePerSecond) });
}

/** Without the database nobody counts: a command that only looks whether the upstream is there. */
function warmupOf({ name, ratePerSecond, warmup }: Paced, shared: SharedPace | null, clock: Clock) {
  if (warmup === null || shared === null) return null;
  const spacing = ratePerSecond === null ? null : sharedSpacingOf(ratePerSecond);
  const turns = new WarmupTurns({ pool: shared.pool, upstream: name, schedule: warmup, spacing, clock });
  return { schedule: warmup, turns };
}

class OwnTurns implements Turns {
  readonly #spacing: Spacing;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(spacing: Spacing) {
    this.#spacing = spacing;
  }

  async next(): Promise<number> {
    const { startsAt, nextAt } = nextTurn(this.#nextAt, performance.now(), this.#spacing);
    this.#nextAt = nextAt;
    return startsAt;
  }

  /** Lost: whoever comes next has got its time already. */
  putBack(): void {}
}
