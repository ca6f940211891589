// Sends what is due. Messages come in two ways: handed over by `submit` right after their commit, in memory; or claimed
// from the database, when they are due again, when an upstream is back, after a restart, or when too much came at once.
// It fails towards the database: whatever it holds is leased there and comes back by itself when the lease ends.

import type { ByteBudget } from '../../src/platform/byte-budget.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import {
  type ClaimedDelivery,
  pullForward,
  releaseLeases,
  releaseLeasesOfEarlierRuns,
  renewLeases,
} from '../../src/store/deliveries.ts';
import type { MessageFacts } from '../routing/match.ts';
import type { AtOnce, Call } from './at-once.ts';
import { Claims } from './claims.ts';
import { type DeliverOptions, deliver } from './deliver.ts';
import type { Fleet } from './fleet.ts';
import type { Handing, HandOver } from './hand-over.ts';
import type { Begun, Source } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { FreshPlace, Placement } from './placement.ts';
import { LEASE_MS, notStarted, waitUntil } from './progress.ts';
import type { Recorder } from './recorder.ts';
import { whyNobody } from './switchboard.ts';
import { keysOf, type Placed, type Work, workOfAcceptance } from './work.ts';

export type DispatcherOptions = {
  readonly pool: Pool;
  readonly fleet: Fleet;
  readonly placement: Placement;
  readonly lanes: Lanes;
  readonly atOnce: AtOnce;
  readonly recorder: Recorder;
  readonly deliver: DeliverOptions;
  readonly budget: ByteBudget;
  /** `node:run`: one run of one node. */
  readonly holder: string;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Logger;
};

const RENEW_EVERY_MS = LEASE_MS / 3;
const RECALL_EVERY_MS = 2_000;

export class Dispatcher implements HandOver {
  readonly #options: DispatcherOptions;
  readonly #claims: Claims;
  #active = 0;
  #stopping = false;
  #stopAttempts = new AbortController();
  #stopRecording = new AbortController();
  #renewal: NodeJS.Timeout | null = null;
  #recalling: NodeJS.Timeout | null = null;
  #renewedAt = 0;
  #whenIdle: (() => void) | null = null;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#claims = new Claims({
      ...options,
      ...{ metrics: options.deliver.metrics, switchboard: options.deliver.switchboard },
      room: stream => (this.#stopping ? 0 : this.#options.lanes.room(stream)),
      place: groups => this.#place(groups),
      onWork: work => this.#enqueue(work, 'backlog'),
      keepLeases: () => this.#keepLeases(),
    });
  }

  async start(): Promise<void> {
    const { pool, nodeId, holder, log } = this.#options;
    const released = await releaseLeasesOfEarlierRuns(pool, nodeId, holder);
    if (released > 0) log.info({ event: 'leases-released', deliveries: released }, 'took back what the last run left');
    this.#renewal = setInterval(() => {
      this.#renew().catch(error => log.warn({ err: error }, 'leases not renewed'));
    }, RENEW_EVERY_MS);
    this.#recalling = setInterval(() => this.#recall(), RECALL_EVERY_MS);
    this.#claims.start();
  }

  /** Routes are other ones now: what waits for one of the old ones is asked again, and may have another way. */
  reroute(): void {
    this.#claims.unpark();
  }

  /** Something may be due, or an upstream is back. */
  wake(): void {
    this.#claims.look();
  }

  /** Lets attempts end for `graceMs`, then ends them; gives back what was not begun. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#options.fleet.stop();
    await this.#claims.stop();
    const begun = [...this.#options.lanes.all].flatMap(lane => lane.clear());
    await Promise.all(begun.map(work => this.#giveBack(work)));
    const deadline = setTimeout(() => this.#stopAttempts.abort(new Error('shutting down')), graceMs);
    // What cannot be recorded then is found by its lease.
    const lastCall = setTimeout(() => this.#stopRecording.abort(new Error('shutting down')), graceMs + 5_000);
    if (this.#active > 0) await new Promise<void>(resolve => (this.#whenIdle = resolve));
    clearTimeout(deadline);
    clearTimeout(lastCall);
    if (this.#renewal) clearInterval(this.#renewal);
    if (this.#recalling) clearInterval(this.#recalling);
    const { pool, holder, log } = this.#options;
    await releaseLeases(pool, holder).catch(error => log.warn({ err: error }, 'leases left to their end'));
  }

  // ── handed over ───────────────────────────────────────────────────────────────────────────────────────────────

  reserve(message: MessageFacts, recipients: readonly string[], bytes: number): Handing {
    const { budget, holder, placement } = this.#options;
    const place = placement.fresh(message, recipients, bytes);
    switch (place.kind) {
      case 'claim':
        return { kind: 'queue' };
      case 'turn':
        return { kind: 'turn', ...place.turn };
      case 'park':
        return this.#park(message, place);
      case 'go': {
        const { route, choice, skipped } = place;
        if (this.#stopping || !budget.tryTake(bytes)) return { kind: 'queue' };
        choice.circuit.begin(choice);
        const attempts = [...skipped, { hop: choice.hop, upstream: choice.upstream.name, skipped: null }];
        return { kind: 'hand-over', holder, leaseMs: LEASE_MS, message, route, choice, attempts };
      }
    }
  }

  cancel(handing: Handing, bytes: number): void {
    if (handing.kind !== 'hand-over') return;
    handing.choice.circuit.abandon(handing.choice);
    this.#options.budget.give(bytes);
  }

  accepted(...[handing, acceptance, envelope, absent]: Parameters<HandOver['accepted']>): void {
    if (handing.kind === 'queue') this.#claims.look();
    if (handing.kind !== 'hand-over') return;
    const work = workOfAcceptance(handing, acceptance, envelope, absent);
    if (work) this.#enqueue(work, 'fresh');
    else this.cancel(handing, acceptance.content.length);
  }

  #park(message: MessageFacts, { route, skipped }: FreshPlace & { kind: 'park' }): Handing {
    const dueInMs = this.#options.deliver.habits().scheduleOf(message).stepsMs[0]!;
    return { kind: 'park', route: route.name, dueInMs, reason: whyNobody(skipped) };
  }

  // ── claimed ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Those that cannot go yet are given back, until a turn of their own. */
  #place(groups: readonly (readonly ClaimedDelivery[])[]): readonly Placed[] {
    const { placement, recorder, log } = this.#options;
    const { going, waiting } = placement.claimed(groups);
    for (const { deliveries, turn } of waiting) {
      void recorder
        .record(waitUntil(deliveries, turn), this.#stopRecording.signal)
        .catch(error => log.warn({ err: error, messageId: deliveries[0]!.messageId }, 'left to its lease'));
    }
    return going;
  }

  /** Those who were sent away come sooner than they were told: there is room. */
  #callFor(upstream: string): void {
    const { lanes } = this.#options;
    const lane = lanes.of(upstream);
    const few = lanes.mostClaimed(upstream) / 2;
    if (lane.hasRoomAgain(few)) void this.#call({ name: upstream, room: few, sentAway: lane.sentAway });
  }

  #recall(): void {
    const { lanes, atOnce } = this.#options;
    if (this.#stopping) return;
    for (const upstream of lanes.names) {
      lanes.of(upstream).sentAway.recall();
      this.#callFor(upstream);
    }
    atOnce.recall();
    this.refill();
  }

  async #call({ name, room, sentAway }: Call): Promise<void> {
    const { pool, log } = this.#options;
    sentAway.called(true);
    const called = await pullForward(pool, name, room).catch(error => {
      log.warn({ err: error }, 'queue not read');
      return room;
    });
    if (called === room) sentAway.called(false);
    if (called > 0) this.#claims.look();
  }

  // ── lanes ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #enqueue(work: Work, source: Source): void {
    if (this.#stopping) return void this.#giveBack(work);
    const upstream = work.opened?.upstream.name ?? this.#firstOf(work);
    this.#options.atOnce.enter(work);
    this.#options.lanes.of(upstream).add(work, source);
    this.#fill(upstream);
  }

  /** More may be under way at once than before. */
  refill(): void {
    if (this.#stopping) return;
    for (const upstream of this.#options.lanes.names) this.#fill(upstream);
    for (const call of this.#options.atOnce.calls()) void this.#call(call);
  }

  /** Whoever of its upstreams takes mail now; the first where none does. */
  #firstOf({ route, begin }: Work): string {
    const { switchboard, clock } = this.#options.deliver;
    return switchboard.pick(route, begin.hop, clock()).choice?.upstream.name ?? route.upstreams[0]!;
  }

  #fill(upstream: string): void {
    const { lanes, atOnce, clock } = this.#options;
    const lane = lanes.of(upstream);
    while (!this.#stopping) {
      const begun = lane.begin(lanes.placesOf(upstream), clock(), atOnce.mayBegin);
      if (!begun) return;
      atOnce.begin(begun.work);
      this.#active += 1;
      void this.#run(begun, upstream);
    }
  }

  async #run({ work, source }: Begun, upstream: string): Promise<void> {
    const { log, clock, budget, lanes, atOnce } = this.#options;
    try {
      await deliver(work, this.#options.deliver, {
        attempt: this.#stopAttempts.signal,
        record: this.#stopRecording.signal,
      });
    } catch (error) {
      log.error({ err: error, messageId: work.messageId }, 'delivery left to its lease');
    }
    const { stream } = work.message;
    const lane = lanes.of(upstream);
    lane.end(work, clock());
    this.#active -= 1;
    budget.give(work.bytes);
    if (atOnce.leave(work)) this.refill();
    else this.#fill(upstream);
    this.#callFor(upstream);
    if (source === 'backlog' && lane.count('backlog', stream) === 0) this.#claims.roomAgain(stream);
    if (this.#active === 0) this.#whenIdle?.();
  }

  async #giveBack(work: Work): Promise<void> {
    const { recorder, budget, clock, log } = this.#options;
    work.opened?.circuit.abandon(work.opened);
    budget.give(work.bytes);
    const patience = AbortSignal.timeout(5_000);
    await recorder
      .record(notStarted(work, clock()), patience)
      .catch(error => log.warn({ err: error, messageId: work.messageId }, 'left to its lease'));
  }

  // ── leases ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Throws when the database cannot be reached. */
  async #renew(): Promise<void> {
    const { pool, holder, clock } = this.#options;
    const held = [...this.#options.lanes.all].flatMap(lane => lane.works);
    const keys = [...held.flatMap(keysOf), ...this.#claims.waiting];
    if (keys.length > 0) await renewLeases(pool, holder, keys, LEASE_MS);
    this.#renewedAt = clock();
  }

  async #keepLeases(): Promise<void> {
    if (this.#options.clock() - this.#renewedAt > RENEW_EVERY_MS) await this.#renew();
  }
}
