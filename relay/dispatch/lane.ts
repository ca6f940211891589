// What waits for one upstream in this process, and what is under way there. Each upstream has a lane of its own, so that
// one that takes its time holds up nobody else's mail; and in each, bulk mail lets transactional mail pass. Fresh mail and
// what came out of the database take turns: a drain neither holds up fresh mail nor starves.
import { STREAMS, type Stream } from '../../src/mail/submission.ts';
import { SentAway } from './sent-away.ts';
import { UnderWay } from './under-way.ts';
import type { Work } from './work.ts';

export type Source = 'fresh' | 'backlog';
export type MayBegin = (work: Work) => boolean;
export type Begun = { readonly work: Work; readonly source: Source };

/** Turns of transactional mail for one of bulk mail, while both wait. */
const TRANSACTIONAL_TURNS = 4;
/** From so many places on, bulk mail leaves one free: a slow upstream's places stay taken for long. */
const ENOUGH_TO_SPARE = 4;

type Queues = Readonly<Record<Source, Work[]>>;

export class Lane {
  readonly #waiting: Readonly<Record<Stream, Queues>> = {
    transactional: { fresh: [], backlog: [] },
    bulk: { fresh: [], backlog: [] },
  };
  /** Those who are to come when there is room. */
  readonly sentAway = new SentAway();
  readonly #active = new UnderWay();
  #activeBulk = 0;
  #bytes = 0;
  #turn = 0;
  #backlogsTurn = false;

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

  /** The next in turn that may begin, now under way; undefined = there is none, or all places are taken. */
  begin(places: number, now: number, mayBegin: MayBegin = anyMay): Begun | undefined {
    if (this.#active.size >= places) return undefined;
    const begun = this.#next(places, mayBegin);
    if (!begun) return undefined;
    this.#active.begin(begun.work, now);
    if (begun.work.message.stream === 'bulk') this.#activeBulk += 1;
    return begun;
  }

  end(work: Work, now: number): void {
    this.#active.end(work, now);
    this.#bytes -= work.bytes;
    if (work.message.stream === 'bulk') this.#activeBulk -= 1;
  }

  /** How long those who wait here take, as far as that can be known. */
  waitMs(places: number, now: number): number {
    const ahead = STREAMS.reduce((sum, stream) => sum + this.count('fresh', stream) + this.count('backlog', stream), 0);
    return (ahead * this.#active.durationMs(now)) / places;
  }

  /** When one for whom there is no room is to come again, in milliseconds. Sooner, should there be room sooner. */
  sendAway(places: number, now: number): number {
    return this.sentAway.sendAway(this.#active.durationMs(now) / places, this.waitMs(places, now), now);
  }

  /** Whether some were sent away, and less than `few` wait here that came out of the database. */
  hasRoomAgain(few: number): boolean {
    return this.sentAway.some && STREAMS.every(stream => this.count('backlog', stream) < few);
  }

  /** Takes out what has not begun. */
  clear(): Work[] {
    return Object.values(this.#waiting).flatMap(({ fresh, backlog }) => [...fresh.splice(0), ...backlog.splice(0)]);
  }

  get works(): Work[] {
    const waiting = Object.values(this.#waiting).flatMap(({ fresh, backlog }) => [...fresh, ...backlog]);
    return [...this.#active.works, ...waiting];
  }

  #next(places: number, mayBegin: MayBegin): Begun | undefined {
    const { transactional, bulk } = this.#waiting;
    const take = (queues: Queues) => this.#take(queues, mayBegin);
    const mayBulk = places < ENOUGH_TO_SPARE || this.#activeBulk < places - 1;
    if (!mayBulk) return take(transactional);
    this.#turn = (this.#turn + 1) % (TRANSACTIONAL_TURNS + 1);
    return this.#turn === 0 ? (take(bulk) ?? take(transactional)) : (take(transactional) ?? take(bulk));
  }

  #take(queues: Queues, mayBegin: MayBegin): Begun | undefined {
    this.#backlogsTurn = !this.#backlogsTurn;
    const order: readonly Source[] = this.#backlogsTurn ? ['backlog', 'fresh'] : ['fresh', 'backlog'];
    for (const source of order) {
      const at = queues[source].findIndex(mayBegin);
      const work = at === 0 ? queues[source].shift() : at > 0 ? queues[source].splice(at, 1)[0] : undefined;
      if (work) return { work, source };
    }
    return undefined;
  }
}

const anyMay: MayBegin = () => true;
