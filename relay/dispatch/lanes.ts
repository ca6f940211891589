// The lanes of all upstreams, and who is sent away from one that has more mail than it takes.
import type { Stream } from '../../src/mail/submission.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { BUSY } from '../../src/store/deliveries.ts';
import type { Fleet } from './fleet.ts';
import { Lane } from './lane.ts';
import type { Turn } from './progress.ts';

/** Whoever would wait longer for a place waits in the database instead, out of the way of mail for other upstreams. */
const PATIENCE_MS = 2_000;
/** A claim costs the same for one as for many. */
const MIN_WINDOW = 100;

export class Lanes {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #lanes = new Map<string, Lane>();

  constructor(fleet: Fleet, clock: Clock) {
    this.#fleet = fleet;
    this.#clock = clock;
  }

  of(upstream: string): Lane {
    const known = this.#lanes.get(upstream);
    if (known) return known;
    const lane = new Lane();
    this.#lanes.set(upstream, lane);
    return lane;
  }

  get all(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** Of an upstream that is gone from the settings: its last messages leave one by one. */
  placesOf(upstream: string): number {
    return this.#fleet.get(upstream)?.places ?? 1;
  }

  /** Pieces of claimed work held at the same time, of each stream. */
  get window(): number {
    let places = 0;
    for (const member of this.#fleet.members) places += member.places;
    return Math.max(MIN_WINDOW, 4 * places);
  }

  /** When to come again, for whoever would wait too long; null = it need not wait long. */
  turnAt(upstream: string, stream: Stream): Turn | null {
    const lane = this.#lanes.get(upstream);
    if (lane === undefined) return null;
    const now = this.#clock();
    const places = this.placesOf(upstream);
    if (lane.waitMs(stream, places, now) <= PATIENCE_MS) return null;
    const reason = `upstream-busy: more mail for ${upstream} than it takes`;
    return { dueInMs: lane.promise(stream, places, now), waitsFor: `${BUSY}${upstream}`, reason };
  }
}
