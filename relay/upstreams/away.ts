// Addresses that could not be talked to a moment ago, so that a thousand messages for a dead host cost one wait: it is
// not tried again for a while, and whoever would try it is told what happened.
import { BoundedMap } from '../../src/platform/bounded-map.ts';
import type { Clock } from '../../src/platform/clock.ts';

const AWAY_MS = 30_000;
const MAX_REMEMBERED = 10_000;

export class Away {
  readonly #clock: Clock;
  readonly #known = new BoundedMap<string, { readonly until: number; readonly error: string }>(MAX_REMEMBERED);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(address: string, error: string): void {
    this.#known.set(address, { until: this.#clock() + AWAY_MS, error });
  }

  /** What was wrong, or null when it may be tried. */
  why(address: string): string | null {
    const known = this.#known.get(address);
    return known && known.until > this.#clock() ? known.error : null;
  }
}
