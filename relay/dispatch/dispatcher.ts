// Sends what is due. Messages come in two ways: handed over by `submit` right after their commit, in memory; or claimed
// from the database, when they are due again, when an upstream is back, after a restart, or when too much came at once.
// It fails towards the database: whatever it holds is leased there and comes back by itself when the lease ends.

import type { Stream } from '../../src/mail/submission.ts';
import type { ByteBudget } from '../../src/platform/byte-budget.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import {
  BUSY,
  type ClaimedDelivery,
  pullForward,
  releaseLeases,
  releaseLeasesOfEarlierRuns,
  renewLeases,
} from '../../src/store/deliveries.ts';
import type { MessageFacts } from '../routing/match.ts';
import type { Route, Router } from '../routing/router.ts';
import { Claims } from './claims.ts';
import { type DeliverOptions, deliver } from './deliver.ts';
import type { Fleet } from './fleet.ts';
import type { Handing, HandOver } from './hand-over.ts';
import { Lane, type Source } from './lane.ts';
import { LEASE_MS, notStarted, type Turn, waitUntil } from './progress.ts';
import type { Recorder } from './recorder.ts';
import type { Picked } from './switchboard.ts';
import { keysOf, type Placed, type Work, workOfAcceptance } from './work.ts';

export type DispatcherOptions = {
  readonly pool: Pool;
  readonly fleet: Fleet;
  readonly router: Router;
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
/** Beyond that, fresh messages wait in the database rather than here; and bulk mail leaves half of it to the other. */
const MAX_FRESH: Readonly<Record<Stream, number>> = { transactional: 1_000, bulk: 500 };
/** Claimed work of one stream held at the least: a claim costs the same for one as for many. */
const MIN_WINDOW = 100;
/** Whoever would wait longer for a place waits in the database instead, out of the way of mail for other upstreams. */
const PATIENCE_MS = 2_000;

export class Dispatcher implements HandOver {
  readonly #options: DispatcherOptions;
  readonly #claims: Claims;
  readonly #lanes = new Map<string, Lane>();
  /** Pieces of work, waiting and under way. */
  readonly #held: Record<Source, Record<Stream, number>> = {
    fresh: { transactional: 0, bulk: 0 },
    backlog: { transactional: 0, bulk: 0 },
  };
  /** Claimed, and not begun. */
  readonly #waiting: Record<Stream, number> = { transactional: 0, bulk: 0 };
  #active = 0;
  #stopping = false;
  #stopAttempts = new AbortController();
  #stopRecording = new AbortController();
  #renewal: NodeJS.Timeout | null = null;
  #renewedAt = 0;
  #whenIdle: (() => void) | null = null;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#claims = new Claims({
      ...options,
      ...{ metrics: options.deliver.metrics, switchboard: options.deliver.switchboard },
      room: stream => (this.#stopping ? 0 : this.#window() - this.#held.backlog[stream]),
      place: group => this.#place(group),
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
    this.#claims.start();
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
    const begun = [...this.#lanes.values()].flatMap(lane => lane.clear());
    await Promise.all(begun.map(work => this.#giveBack(work)));
    const deadline = setTimeout(() => this.#stopAttempts.abort(new Error('shutting down')), graceMs);
    // What cannot be recorded then is found by its lease.
    const lastCall = setTimeout(() => this.#stopRecording.abort(new Error('shutting down')), graceMs + 5_000);
    if (this.#active > 0) await new Promise<void>(resolve => (this.#whenIdle = resolve));
    clearTimeout(deadline);
    clearTimeout(lastCall);
    if (this.#renewal) clearInterval(this.#renewal);
    const { pool, holder, log } = this.#options;
    await releaseLeases(pool, holder).catch(error => log.warn({ err: error }, 'leases left to their end'));
  }

  // ── handed over ───────────────────────────────────────────────────────────────────────────────────────────────

  reserve(message: MessageFacts, recipients: readonly string[], bytes: number): Handing {
    const { router, clock, budget, holder, deliver } = this.#options;
    const { switchboard, habits } = deliver;
    const now = clock();
    const [first, ...others] = router.split(message, recipients);
    // Those that go different ways are told apart when they are claimed.
    if (others.length > 0) return { kind: 'queue' };
    const { route } = first!;
    const { choice, skipped, comeAgain } = switchboard.pick(route, 0, now);
    if (comeAgain) return { kind: 'turn', ...turnOf(comeAgain, now) };
    if (choice === null) {
      const reason = `upstreams-down: ${switchboard.whyDown(route, now)}`;
      return { kind: 'park', route: route.name, dueInMs: habits().scheduleOf(message).stepsMs[0]!, reason };
    }
    const { stream } = message;
    const upstream = choice.upstream.name;
    const turn = this.#turnAt(upstream, stream, now);
    if (turn !== null) return { kind: 'turn', ...turn };
    const isFull = this.#held.fresh[stream] >= MAX_FRESH[stream];
    if (this.#stopping || isFull || !budget.tryTake(bytes)) return { kind: 'queue' };
    choice.circuit.begin();
    const attempts = [...skipped, { hop: choice.hop, upstream, skipped: null }];
    return { kind: 'hand-over', holder, leaseMs: LEASE_MS, message, route, choice, attempts };
  }

  cancel(handing: Handing, bytes: number): void {
    if (handing.kind !== 'hand-over') return;
    handing.choice.circuit.abandon();
    this.#options.budget.give(bytes);
  }

  accepted(...[handing, acceptance, envelope, absent]: Parameters<HandOver['accepted']>): void {
    if (handing.kind === 'queue') this.#claims.look();
    if (handing.kind !== 'hand-over') return;
    const work = workOfAcceptance(handing, acceptance, envelope, absent);
    if (work) this.#enqueue(work, 'fresh');
    else this.cancel(handing, acceptance.content.length);
  }

  // ── claimed ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Where claimed deliveries of one message go. Those that cannot go yet are given back, until a turn of their own. */
  #place(group: readonly ClaimedDelivery[]): Placed[] {
    return this.#routesOf(group).filter(placed => {
      const turn = this.#waitOf(placed, this.#options.clock());
      if (turn !== null) this.#giveBackUntil(placed.deliveries, turn);
      return turn === null;
    });
  }

  /** null = it goes now; also what has become too old, which is found out when it is begun. */
  #waitOf({ deliveries, route }: Placed, now: number): Turn | null {
    const { stream, expiresAt } = deliveries[0]!;
    const { choice, comeAgain } = this.#options.deliver.switchboard.pick(route, 0, now);
    const leftMs = expiresAt.getTime() - now;
    if (leftMs <= 0) return null;
    if (comeAgain) return turnOf({ ...comeAgain, at: Math.min(comeAgain.at, expiresAt.getTime()) }, now);
    return this.#turnAt(choice?.upstream.name ?? route.upstreams[0]!, stream, now);
  }

  /** What may have been delivered already is tried at that upstream alone, as long as there is such an upstream. */
  #routesOf(group: readonly ClaimedDelivery[]): Placed[] {
    const { router, fleet } = this.#options;
    const { pinnedUpstream } = group[0]!;
    const routes = router.split(
      group[0]!,
      group.map(({ recipient }) => recipient),
    );
    return routes.map(({ route, indexes }) => ({
      deliveries: indexes.map(index => group[index]!),
      route: pinnedUpstream !== null && fleet.has(pinnedUpstream) ? { ...route, upstreams: [pinnedUpstream] } : route,
    }));
  }

  #giveBackUntil(deliveries: readonly ClaimedDelivery[], turn: Turn): void {
    const { recorder, log } = this.#options;
    void recorder
      .record(waitUntil(deliveries, turn), this.#stopRecording.signal)
      .catch(error => log.warn({ err: error, messageId: deliveries[0]!.messageId }, 'left to its lease'));
  }

  // ── lanes ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Of each stream, as much as a claim may take. */
  #window(): number {
    let places = 0;
    for (const member of this.#options.fleet.members) places += member.places;
    return Math.max(MIN_WINDOW, 4 * places);
  }

  /** Whoever of its upstreams takes mail now; the first where none does. */
  #laneOf(route: Route): string {
    const { switchboard } = this.#options.deliver;
    return switchboard.pick(route, 0, this.#options.clock()).choice?.upstream.name ?? route.upstreams[0]!;
  }

  /** null = it need not wait long in its lane. */
  #turnAt(upstream: string, stream: Stream, now: number): (Turn & { dueInMs: number }) | null {
    const lane = this.#lanes.get(upstream);
    const places = this.#placesOf(upstream);
    if (lane === undefined || lane.waitMs(stream, places, now) <= PATIENCE_MS) return null;
    const reason = `upstream-busy: more mail for ${upstream} than it takes`;
    return { dueInMs: lane.promise(stream, places, now), waitsFor: `${BUSY}${upstream}`, reason };
  }

  /** Sooner than it was told, when the lane has room sooner. */
  async #pullForward(upstream: string, lane: Lane): Promise<void> {
    const { pool, log } = this.#options;
    lane.pulledForward(true);
    const limit = this.#window();
    const pulled = await pullForward(pool, upstream, limit).catch(error => {
      log.warn({ err: error }, 'queue not read');
      return 0;
    });
    if (pulled === limit) lane.pulledForward(false);
    if (pulled > 0) this.#claims.look();
  }

  /** Of an upstream that is gone from the settings: its last messages leave one by one. */
  #placesOf(upstream: string): number {
    return this.#options.fleet.get(upstream)?.places ?? 1;
  }

  #enqueue(work: Work, source: Source): void {
    if (this.#stopping) return void this.#giveBack(work);
    const { stream } = work.message;
    this.#held[source][stream] += 1;
    if (source === 'backlog') this.#waiting[stream] += 1;
    const upstream = work.opened?.upstream.name ?? this.#laneOf(work.route);
    const lane = this.#lanes.get(upstream) ?? new Lane();
    this.#lanes.set(upstream, lane);
    lane.add(work, source);
    this.#fill(upstream, lane);
  }

  #fill(upstream: string, lane: Lane): void {
    while (!this.#stopping) {
      const begun = lane.begin(this.#placesOf(upstream), this.#options.clock());
      if (!begun) return;
      this.#active += 1;
      if (begun.source === 'backlog') this.#waiting[begun.work.message.stream] -= 1;
      void this.#run(begun.work, begun.source, upstream, lane);
    }
  }

  async #run(work: Work, source: Source, upstream: string, lane: Lane): Promise<void> {
    const { log, clock, budget } = this.#options;
    try {
      await deliver(work, this.#options.deliver, {
        attempt: this.#stopAttempts.signal,
        record: this.#stopRecording.signal,
      });
    } catch (error) {
      log.error({ err: error, messageId: work.messageId }, 'delivery left to its lease');
    }
    const { stream } = work.message;
    lane.end(work, clock());
    this.#active -= 1;
    this.#held[source][stream] -= 1;
    budget.give(work.bytes);
    this.#fill(upstream, lane);
    if (lane.mayPullForward(this.#placesOf(upstream), clock())) void this.#pullForward(upstream, lane);
    if (this.#waiting[stream] === 0) this.#claims.roomAgain(stream);
    if (this.#active === 0) this.#whenIdle?.();
  }

  async #giveBack(work: Work): Promise<void> {
    const { recorder, budget, clock, log } = this.#options;
    work.opened?.circuit.abandon();
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
    const held = [...this.#lanes.values()].flatMap(lane => lane.works);
    const keys = [...held.flatMap(keysOf), ...this.#claims.waiting];
    if (keys.length > 0) await renewLeases(pool, holder, keys, LEASE_MS);
    this.#renewedAt = clock();
  }

  async #keepLeases(): Promise<void> {
    if (this.#options.clock() - this.#renewedAt > RENEW_EVERY_MS) await this.#renew();
  }
}

function turnOf({ at, reason }: NonNullable<Picked['comeAgain']>, now: number) {
  return { dueInMs: Math.max(0, at - now), waitsFor: null, reason: `not-now: ${reason}` };
}
