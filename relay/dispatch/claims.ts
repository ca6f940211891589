// Takes due deliveries out of the database, no more at a time than there is room for, and none while no upstream takes
// mail: an outage leaves the queue where it is, and its end lets it out through the same narrow door, in order.

import { STREAMS, type Stream } from '../../src/mail/submission.ts';
import type { ByteBudget } from '../../src/platform/byte-budget.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import {
  type Claim,
  type ClaimedDelivery,
  claimDeliveries,
  type DeliveryKey,
  expireOverdue,
  loadContents,
  moveUpEndedLeases,
  nextDueInMs,
  parkedRoutes,
  pullAllForward,
  unpark,
} from '../../src/store/deliveries.ts';
import { LEASE_MS } from './progress.ts';
import type { Recorder } from './recorder.ts';
import type { Switchboard } from './switchboard.ts';
import { groupClaimed, type Placed, type Work, workOfClaimed } from './work.ts';

export type ClaimsOptions = {
  readonly pool: Pool;
  readonly switchboard: Switchboard;
  readonly recorder: Recorder;
  readonly budget: ByteBudget;
  readonly holder: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** How many more pieces of work the dispatcher wants, by stream. */
  readonly room: (stream: Stream) => number;
  /** Where deliveries go, each group those of one message; what cannot go yet is given back, and is not among them. */
  readonly place: (groups: readonly (readonly ClaimedDelivery[])[]) => readonly Placed[];
  readonly onWork: (work: Work) => void;
  /** Makes sure that what is in hand is still leased: after an outage of the database it may look as if it were not. */
  readonly keepLeases: () => Promise<void>;
};

/** The safety net under hand-over and wake-ups. */
const SWEEP_MS = 2_000;
const MAX_CLAIM = 100;
const AT_ONCE = 1_000;
/** While nothing is claimed, what grows too old is looked for this often. */
const EXPIRE_EVERY_MS = 4_000;
/** And at most a fiftieth of the time. */
const EXPIRING_SHARE = 50;
const MOVE_UP_EVERY_MS = 5_000;
/** So many claims of which nothing has a place: the rest is looked through after the next sweep. */
const MOST_IN_VAIN = 30;
/** Contents loaded with one query. */
const LOAD_BYTES = 2_000_000;

export class Claims {
  readonly #options: ClaimsOptions;
  readonly #stop = new AbortController();
  #sweep: NodeJS.Timeout | null = null;
  #nextTurn: NodeJS.Timeout | null = null;
  #asked = false;
  /** Of these the last claim took all that it was allowed to. */
  #more: ReadonlySet<Stream> = new Set();
  #looking: Promise<void> | null = null;
  #expiredAt = 0;
  #movedUpAt = 0;
  #isRerouted = false;
  /** How long it took last: the more there is, the rarer it is looked for. */
  #expiringMs = 0;
  /** Claimed, and waiting for room in memory. */
  #waiting: readonly ClaimedDelivery[] = [];

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#sweep = setInterval(() => this.look(), SWEEP_MS);
    this.look();
  }

  async stop(): Promise<void> {
    if (this.#sweep) clearInterval(this.#sweep);
    if (this.#nextTurn) clearTimeout(this.#nextTurn);
    this.#stop.abort(new Error('shutting down'));
    await this.#looking;
  }

  /** Looks at the database, now or right after the look that is under way. */
  look(): void {
    this.#asked = true;
    if (this.#looking || this.#stop.signal.aborted) return;
    this.#looking = this.#work().finally(() => {
      this.#looking = null;
      if (this.#asked) this.look();
    });
  }

  /** Lets what is parked, or waits for room or a day, be asked again, once. */
  unpark(): void {
    this.#isRerouted = true;
    this.look();
  }

  /** Claimed deliveries that are not work yet; some may be already. */
  get waiting(): readonly DeliveryKey[] {
    return this.#waiting;
  }

  /** What was claimed of it is under way: there is room for more. */
  roomAgain(stream: Stream): void {
    if (this.#more.has(stream)) this.look();
  }

  async #work(): Promise<void> {
    const { log, recorder, switchboard, keepLeases } = this.#options;
    this.#asked = false;
    // What cannot be recorded now must not be claimed again as if nothing had been tried.
    if (recorder.isStuck) return;
    try {
      await keepLeases();
      if (this.#isRerouted) await this.#unparkAll();
      await this.#moveUp();
      if (switchboard.blocked(this.#options.clock()).length > 0) await this.#expire();
      this.#more = await this.#claimAll();
      await this.#lookAtNextTurn();
    } catch (error) {
      if (!this.#stop.signal.aborted) log.warn({ err: error }, 'queue not read');
    }
  }

  /** Quotas pace mail in steps of 50 ms: a turn that waits for the sweep would go out with those behind it. */
  async #lookAtNextTurn(): Promise<void> {
    if (this.#nextTurn) clearTimeout(this.#nextTurn);
    const inMs = await nextDueInMs(this.#options.pool, SWEEP_MS);
    if (inMs !== null && !this.#stop.signal.aborted) this.#nextTurn = setTimeout(() => this.look(), Math.ceil(inMs));
  }

  async #unparkAll(): Promise<void> {
    const { pool } = this.#options;
    this.#isRerouted = false;
    try {
      for (const askAgain of [unpark, pullAllForward])
        while ((await askAgain(pool, AT_ONCE)) === AT_ONCE && !this.#stop.signal.aborted);
    } catch (error) {
      this.#isRerouted = true;
      throw error;
    }
  }

  /** In a deep queue, what a dead process was trying would wait behind all that came meanwhile. */
  async #moveUp(): Promise<void> {
    const now = this.#options.clock();
    if (now - this.#movedUpAt < MOVE_UP_EVERY_MS) return;
    this.#movedUpAt = now;
    const deliveries = await moveUpEndedLeases(this.#options.pool);
    if (deliveries > 0) this.#options.log.info({ event: 'leases-ended', deliveries }, 'took what others left');
  }

  /** What is claimed expires where it is tried; this is for what is parked, and for all while nothing is claimed. */
  async #expire(): Promise<void> {
    const { switchboard, clock } = this.#options;
    const now = clock();
    if (now - this.#expiredAt < Math.max(EXPIRE_EVERY_MS, EXPIRING_SHARE * this.#expiringMs)) return;
    this.#expiredAt = now;
    await this.#expireAll('parked');
    if (switchboard.appetite === 'none') await this.#expireAll('due');
    this.#expiringMs = clock() - now;
  }

  async #expireAll(which: 'parked' | 'due'): Promise<void> {
    const { pool, log, metrics } = this.#options;
    for (let expired = AT_ONCE; expired === AT_ONCE && !this.#stop.signal.aborted; ) {
      expired = await expireOverdue(pool, which, AT_ONCE);
      if (expired === 0) return;
      metrics.settled.inc({ state: 'expired' }, expired);
      log.info({ event: 'expired', deliveries: expired, reason: 'expired-in-queue' }, 'expired');
    }
  }

  /** What is parked for routes of which some upstream takes mail, then what is due; returns what there may be more of. */
  async #claimAll(): Promise<Set<Stream>> {
    const { pool, switchboard, clock } = this.#options;
    const more = new Set<Stream>();
    if (switchboard.appetite === 'none') return more;
    const blocked = new Set(switchboard.blocked(clock()));
    for (const name of await parkedRoutes(pool)) {
      if (!blocked.has(name)) for (const stream of await this.#claim(name)) more.add(stream);
    }
    for (const stream of await this.#claim(null)) more.add(stream);
    return more;
  }

  /** Claims until there is no more room, or nothing more; returns the streams of which there may be more. */
  async #claim(parkedFor: string | null): Promise<Stream[]> {
    const { pool, holder, switchboard, recorder, clock } = this.#options;
    for (let inVain = 0; ; ) {
      const { appetite } = switchboard;
      // What cannot be recorded now must not be claimed again as if nothing had been tried.
      if (appetite === 'none' || this.#stop.signal.aborted || recorder.isStuck) return [];
      // Its one trial is taken, or has failed: more would be put back and claimed again, for as long as that lasts.
      if (parkedFor !== null && switchboard.blocked(clock()).includes(parkedFor)) return [];
      const limits = this.#limits(appetite);
      const withoutRoom = STREAMS.filter(stream => limits[stream] === 0);
      if (withoutRoom.length === STREAMS.length) return withoutRoom;
      const claim = await claimDeliveries(pool, { parkedFor, limits, holder, leaseMs: LEASE_MS });
      this.#tellSuppressed(claim.suppressed);
      this.#waiting = claim.claimed;
      // What could not be loaded is left to its lease, which must not be renewed then.
      const placed = await this.#placeAndLoad(groupClaimed(claim.claimed)).finally(() => {
        this.#waiting = [];
      });
      inVain = placed > 0 ? 0 : inVain + 1;
      const mayBeMore = STREAMS.filter(stream => claim.found[stream] === limits[stream]);
      if (mayBeMore.length === withoutRoom.length || appetite === 'one' || inVain === MOST_IN_VAIN) return mayBeMore;
    }
  }

  #limits(appetite: Switchboard['appetite']): Record<Stream, number> {
    const most = appetite === 'one' ? 1 : MAX_CLAIM;
    const limitOf = (stream: Stream) => Math.max(0, Math.min(most, this.#options.room(stream)));
    return { transactional: limitOf('transactional'), bulk: limitOf('bulk') };
  }

  #tellSuppressed(suppressed: Claim['suppressed']): void {
    const { log, metrics } = this.#options;
    for (const { messageId, n, reason } of suppressed) {
      metrics.settled.inc({ state: 'suppressed' });
      log.info({ event: 'suppressed', messageId, deliveryId: `${messageId}.${n}`, reason }, 'suppressed');
    }
  }

  /**
   * Says where each goes and brings its content into memory, as the budget allows, several small ones with one query. One
   * after the other, since what is placed takes room from what comes next. Returns how many have a place.
   */
  async #placeAndLoad(groups: readonly ClaimedDelivery[][]): Promise<number> {
    const { place } = this.#options;
    let placed = 0;
    for (const chunk of inChunks(groups)) {
      const going = place(chunk);
      placed += going.length;
      if (going.length > 0) await this.#load(going);
    }
    return placed;
  }

  async #load(placed: readonly Placed[]): Promise<void> {
    const { pool, budget, onWork, log } = this.#options;
    const bytes = placed.reduce((sum, one) => sum + sizeOf(one), 0);
    await budget.take(bytes, this.#stop.signal);
    const contents = await loadContents(pool, [...new Set(placed.map(idOf))]).catch(error => {
      budget.give(bytes);
      throw error;
    });
    for (const one of placed) {
      const content = contents.get(idOf(one));
      if (content) onWork(workOfClaimed(one, content));
      else {
        budget.give(sizeOf(one));
        log.error({ messageId: idOf(one) }, 'content is gone');
      }
    }
  }
}

const idOf = ({ deliveries }: Placed) => deliveries[0]!.messageId;
const sizeOf = ({ deliveries }: Placed) => deliveries[0]!.size;

function inChunks(groups: readonly ClaimedDelivery[][]): ClaimedDelivery[][][] {
  const chunks: ClaimedDelivery[][][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const group of groups) {
    const { size } = group[0]!;
    if (bytes + size > LOAD_BYTES) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)!.push(group);
    bytes += size;
  }
  return chunks;
}
