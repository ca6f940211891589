// What waits for one upstream in this process, and what is under way there. Each upstream has a lane of its own, so that
// one that takes its time holds up nobody else's mail; and in each, bulk mail lets transactional mail pass. Fresh mail and
// what came out of the database take turns: a drain neither holds up fresh mail nor starves.
import { STREAMS, type Stream } from '../../src/mail/submission.ts';
import type { Work } from './work.ts';

export type Source = 'fresh' | 'backlog';
export type Begun = { readonly work: Work; readonly source: Source };

/** Turns of transactional mail for one of bulk mail, while both wait. */
const TRANSACTIONAL_TURNS = 4;
/** From so many places on, bulk mail leaves one free: a slow upstream's places stay taken for long. */
const ENOUGH_TO_SPARE = 4;
/** Whoever is called sooner comes sooner; this is for those who are forgotten, by a process that ended. */
const LONGEST_WAIT_MS = 600_000;
const SHORTEST_WAIT_MS = 1_000;
/** How much the last attempt counts in how long one takes. */
const WEIGHT_OF_LAST = 0.2;

type Queues = Readonly<Record<Source, Work[]>>;

export class Lane {
  readonly #waiting: Readonly<Record<Stream, Queues>> = {
    transactional: { fresh: [], backlog: [] },
    bulk: { fresh: [], backlog: [] },
  };
  /** With the time at which each began, oldest first. */
  readonly #active = new Map<Work, number>();
  #activeBulk = 0;
  #bytes = 0;
  #turn = 0;
  #backlogsTurn = false;
  #averageMs = 0;
  #toldUntil = 0;
  /** There may be some in the database who were sent away, by an earlier run of this process too. */
  #sentAway = true;

  /** Message bytes, waiting and under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Pieces of work that have not begun. */
  count(source: Source, stream: Stream): number {
    return this.#waiting[stream][source].length;
  }

  add(work: Work, source: Source): void {
    this.#bytes += work.bytes;
    this.#waiting[work.message.stream][source].push(work);
  }

  /** The next in turn, now under way; undefined = none waits, or all places are taken. */
  begin(places: number, now: number): Begun | undefined {
    if (this.#active.size >= places) return undefined;
    const begun = this.#next(places);
    if (!begun) return undefined;
    this.#active.set(begun.work, now);
    if (begun.work.message.stream === 'bulk') this.#activeBulk += 1;
    return begun;
  }

  end(work: Work, now: number): void {
    const took = now - (this.#active.get(work) ?? now);
    this.#averageMs += (took - this.#averageMs) * WEIGHT_OF_LAST;
    this.#active.delete(work);
    this.#bytes -= work.bytes;
    if (work.message.stream === 'bulk') this.#activeBulk -= 1;
  }

  /** How long those who wait here take, as far as that can be known. */
  waitMs(places: number, now: number): number {
    const ahead = STREAMS.reduce((sum, stream) => sum + this.count('fresh', stream) + this.count('backlog', stream), 0);
    return (ahead * this.#durationMs(now)) / places;
  }

  /**
   * When one for whom there is no room is to come again, in milliseconds: behind those who wait here, and those who were
   * told before. Sooner, should there be room sooner.
   */
  sendAway(places: number, now: number): number {
    const eachMs = this.#durationMs(now) / places;
    const at = Math.max(this.#toldUntil, now + Math.max(SHORTEST_WAIT_MS, this.waitMs(places, now))) + eachMs;
    this.#toldUntil = Math.min(at, now + LONGEST_WAIT_MS);
    this.#sentAway = true;
    return this.#toldUntil - now;
  }

  /** Whether some were sent away, and less than `few` wait here that came out of the database. */
  hasRoomAgain(few: number): boolean {
    return this.#sentAway && STREAMS.every(stream => this.count('backlog', stream) < few);
  }

  /** They are asked to come; all of them, or there are more. */
  called(all: boolean): void {
    this.#sentAway = !all;
    this.#toldUntil = 0;
  }

  /** Takes out what has not begun. */
  clear(): Work[] {
    return Object.values(this.#waiting).flatMap(({ fresh, backlog }) => [...fresh.splice(0), ...backlog.splice(0)]);
  }

  get works(): Work[] {
    const waiting = Object.values(this.#waiting).flatMap(({ fresh, backlog }) => [...fresh, ...backlog]);
    return [...this.#active.keys(), ...waiting];
  }

  /** Of the average of those that ended, and of the oldest that has not: a host that hangs ends nothing. */
  #durationMs(now: number): number {
    const [oldest = now] = this.#active.values();
    return Math.max(this.#averageMs, now - oldest);
  }

  #next(places: number): Begun | undefined {
    const { transactional, bulk } = this.#waiting;
    const mayBulk = places < ENOUGH_TO_SPARE || this.#activeBulk < places - 1;
    if (!mayBulk) return this.#take(transactional);
    this.#turn = (this.#turn + 1) % (TRANSACTIONAL_TURNS + 1);
    return this.#turn === 0
      ? (this.#take(bulk) ?? this.#take(transactional))
      : (this.#take(transactional) ?? this.#take(bulk));
  }

  #take(queues: Queues): Begun | undefined {
    this.#backlogsTurn = !this.#backlogsTurn;
    const order: readonly Source[] = this.#backlogsTurn ? ['backlog', 'fresh'] : ['fresh', 'backlog'];
    for (const source of order) {
      const work = queues[source].shift();
      if (work) return { work, source };
    }
    return undefined;
  }
}
