// Lets messages through to one upstream at its rate: each turn comes one interval after the one before, and up to a
// second's worth may go at once after a pause. With the database, the turns of all processes are one line; without it (a
// command that sends nothing, a test) they are this process's own. No rate costs nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../../src/platform/postgres.ts';
import type { Neighbourhood } from '../dispatch/neighbours.ts';
import { SharedTurns } from './shared-turns.ts';
import { nextTurn, type Spacing, sharedSpacingOf, spacingOf } from './spacing.ts';

/** What dispatchers share their pace by. */
export type SharedPace = {
  readonly pool: Pool;
  readonly neighbours: Neighbourhood;
};

export type Paced = { readonly name: string; readonly ratePerSecond: number | null };

/** Where turns come from, as times of `performance.now()`. */
type Turns = {
  next(signal: AbortSignal): Promise<number>;
  putBack(startsAt: number): void;
};

export class Pacer {
  readonly #turns: Turns | null;

  constructor(paced: Paced, shared: SharedPace | null = null) {
    this.#turns = turnsOf(paced, shared);
  }

  /** Resolves when it is the caller's turn; rejects when the signal aborts first. */
  async turn(signal: AbortSignal): Promise<void> {
    if (this.#turns === null) return;
    signal.throwIfAborted();
    const startsAt = await this.#turns.next(signal);
    const waitMs = startsAt - performance.now();
    if (waitMs <= 0) return;
    await sleep(waitMs, undefined, { signal }).catch(() => {
      this.#turns!.putBack(startsAt);
      throw signal.reason;
    });
  }
}

function turnsOf({ name, ratePerSecond }: Paced, shared: SharedPace | null): Turns | null {
  if (ratePerSecond === null) return null;
  if (shared === null) return new OwnTurns(spacingOf(ratePerSecond));
  return new SharedTurns({ ...shared, upstream: name, spacing: sharedSpacingOf(ratePerSecond) });
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
