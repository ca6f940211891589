// The lanes of all upstreams, and how much each may hold in memory. What is too much for one waits in the database, out of
// the way of mail for the others, and is called as soon as there is room.
import type { Stream } from '../../src/mail/submission.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { BUSY } from '../../src/store/deliveries.ts';
import type { Fleet } from './fleet.ts';
import { Lane } from './lane.ts';
import type { Turn } from './progress.ts';

/** Claimed work of one stream and lane: a claim costs the same for one as for many. */
const MIN_CLAIMED = 100;
/** Fresh messages of all lanes; bulk mail leaves half of it to the other. */
const MAX_FRESH: Readonly<Record<Stream, number>> = { transactional: 1_000, bulk: 500 };
const MIN_FRESH = 100;
/** Mail for others waits while a lane works off what it holds, unless that takes longer than this. */
const SLOW_MS = 200;

export type LanesOptions = {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** Message bytes that all lanes together may hold. */
  readonly maxBytes: number;
};

export class Lanes {
  readonly #options: LanesOptions;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: LanesOptions) {
    this.#options = options;
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

  get names(): string[] {
    return [...this.#lanes.keys()];
  }

  /** Of an upstream that is gone from the settings: its last messages leave one by one. */
  placesOf(upstream: string): number {
    return this.#options.fleet.get(upstream)?.places ?? 1;
  }

  /**
   * How many pieces of work a claim may bring: as many as there is room for in the fullest lane that is quick, since what
   * is for whom is known only afterwards. One that is slow does not count: what is too much for it is sent away.
   */
  room(stream: Stream): number {
    const now = this.#options.clock();
    const rooms = [...this.#options.fleet.members].map(({ upstream: { name }, places }) => {
      const lane = this.of(name);
      const left = this.mostClaimed(name) - lane.count('backlog', stream);
      return { left: Math.max(0, left), isSlow: lane.waitMs(places, now) > SLOW_MS };
    });
    const moving = rooms.filter(({ isSlow }) => !isSlow);
    return Math.min(...(moving.length > 0 ? moving : rooms).map(({ left }) => left));
  }

  mostClaimed(upstream: string): number {
    return Math.max(MIN_CLAIMED, 4 * this.placesOf(upstream));
  }

  hasRoomForClaimed(upstream: string, stream: Stream, bytes: number): boolean {
    const lane = this.of(upstream);
    return lane.count('backlog', stream) < this.mostClaimed(upstream) && this.#fits(lane, bytes);
  }

  hasRoomForFresh(upstream: string, stream: Stream, bytes: number): boolean {
    const lane = this.of(upstream);
    const most = Math.max(MIN_FRESH, MAX_FRESH[stream] / this.#options.fleet.size);
    return lane.count('fresh', stream) < most && this.#fits(lane, bytes);
  }

  /** When to come again, for whoever finds no room. */
  turnAt(upstream: string): Turn {
    const dueInMs = this.of(upstream).sendAway(this.placesOf(upstream), this.#options.clock());
    const reason = `upstream-busy: more mail for ${upstream} than it takes`;
    return { dueInMs, waitsFor: `${BUSY}${upstream}`, reason };
  }

  /** Large messages for one upstream leave memory to the others. Into an empty lane fits any. */
  #fits({ bytes: held }: Lane, bytes: number): boolean {
    const { fleet, maxBytes } = this.#options;
    return fleet.size < 2 || held === 0 || held + bytes <= maxBytes / 2;
  }
}
