// What waits for one upstream in this process, and what is under way there. Each upstream has a lane of its own, so that
// one that takes its time holds up nobody else's mail; and in each, bulk mail lets transactional mail pass. Fresh mail and
// what came out of the database take turns: a drain neither holds up fresh mail nor starves.
import type { Stream } from '../../src/mail/submission.ts';
import type { Work } from './work.ts';

export type Source = 'fresh' | 'backlog';
export type Begun = { readonly work: Work; readonly source: Source };

/** Turns of transactional mail for one of bulk mail, while both wait. */
const TRANSACTIONAL_TURNS = 4;
/** From so many places on, bulk mail leaves one free: a slow upstream's places stay taken for long. */
const ENOUGH_TO_SPARE = 4;
/** Nobody's turn is promised further ahead: by then much may have changed. */
const LONGEST_WAIT_MS = 120_000;
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
  #turn = 0;
  #backlogsTurn = false;
  #averageMs = 0;
  #promisedUntil = 0;
  #hasPromised = false;

  add(work: Work, source: Source): void {
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
    if (work.message.stream === 'bulk') this.#activeBulk -= 1;
  }

  /** How long whoever comes now waits for a place, as far as that can be known. */
  waitMs(stream: Stream, places: number, now: number): number {
    const ahead = this.#countWaiting('transactional') + (stream === 'bulk' ? this.#countWaiting('bulk') : 0);
    if (ahead + this.#active.size < places) return 0;
    return ((ahead + 1) * this.#durationMs(now)) / places;
  }

  /** A turn for whoever would wait too long here: how long from now, behind those who were told before. */
  promise(stream: Stream, places: number, now: number): number {
    const waitMs = this.waitMs(stream, places, now);
    this.#promisedUntil = Math.max(this.#promisedUntil, now + waitMs) + this.#durationMs(now) / places;
    if (this.#promisedUntil > now + LONGEST_WAIT_MS) this.#promisedUntil = now + LONGEST_WAIT_MS;
    this.#hasPromised = true;
    return this.#promisedUntil - now;
  }

  /** Whether there are some who were told a turn, and places for them sooner. */
  mayPullForward(places: number, now: number): boolean {
    return this.#hasPromised && this.waitMs('bulk', places, now) === 0;
  }

  /** Those who were told one are asked to come; `all` of them, or there are more. */
  pulledForward(all: boolean): void {
    this.#hasPromised = !all;
    this.#promisedUntil = 0;
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

  #countWaiting(stream: Stream): number {
    const { fresh, backlog } = this.#waiting[stream];
    return fresh.length + backlog.length;
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
