// Sends what is due. Messages come in two ways: handed over by `submit` right after their commit, in memory; or claimed
// from the database, when they are due again, when an upstream is back, after a restart, or when too much came at once.
// It fails towards the database: whatever it holds is leased there and comes back by itself when the lease ends.

import type { ByteBudget } from '../../src/platform/byte-budget.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import { releaseLeases, releaseLeasesOfEarlierRuns, renewLeases } from '../../src/store/deliveries.ts';
import { Claims } from './claims.ts';
import { type DeliverOptions, deliver } from './deliver.ts';
import type { Handing, HandOver } from './hand-over.ts';
import { LEASE_MS, notStarted } from './progress.ts';
import type { Recorder } from './recorder.ts';
import type { Route } from './route.ts';
import { keysOf, type Work, workOfAcceptance } from './work.ts';

export type DispatcherOptions = {
  readonly pool: Pool;
  readonly route: Route;
  readonly recorder: Recorder;
  readonly deliver: DeliverOptions;
  readonly budget: ByteBudget;
  /** `node:run`: one run of one node. */
  readonly holder: string;
  readonly nodeId: string;
  /** Messages in flight at once. */
  readonly slots: number;
  readonly clock: Clock;
  readonly log: Logger;
};

const RENEW_EVERY_MS = LEASE_MS / 3;
/** Beyond that, fresh messages wait in the database rather than here. */
const MAX_FRESH = 1_000;
/** Claimed work held at the least: a claim costs the same for one as for many. */
const MIN_WINDOW = 100;

export class Dispatcher implements HandOver {
  readonly #options: DispatcherOptions;
  readonly #claims: Claims;
  #fresh: Work[] = [];
  #backlog: Work[] = [];
  #active = new Set<Work>();
  #backlogsTurn = false;
  #stopping = false;
  #stopAttempts = new AbortController();
  #stopRecording = new AbortController();
  #renewal: NodeJS.Timeout | null = null;
  #renewedAt = 0;
  #whenIdle: (() => void) | null = null;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    const window = Math.max(MIN_WINDOW, 4 * options.slots);
    this.#claims = new Claims({
      ...options,
      metrics: options.deliver.metrics,
      room: () => (this.#stopping ? 0 : window - this.#backlog.length - this.#active.size),
      onWork: work => this.#enqueue(this.#backlog, work),
      keepLeases: () => this.#keepLeases(),
    });
    options.route.onOpportunity = () => this.#claims.look();
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

  /** Something may be due. */
  wake(): void {
    this.#claims.look();
  }

  /** Lets attempts end for `graceMs`, then ends them; gives back what was not begun. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#options.route.stop();
    await this.#claims.stop();
    await Promise.all([...this.#fresh.splice(0), ...this.#backlog.splice(0)].map(work => this.#giveBack(work)));
    const deadline = setTimeout(() => this.#stopAttempts.abort(new Error('shutting down')), graceMs);
    // What cannot be recorded then is found by its lease.
    const lastCall = setTimeout(() => this.#stopRecording.abort(new Error('shutting down')), graceMs + 5_000);
    if (this.#active.size > 0) await new Promise<void>(resolve => (this.#whenIdle = resolve));
    clearTimeout(deadline);
    clearTimeout(lastCall);
    if (this.#renewal) clearInterval(this.#renewal);
    const { pool, holder, log } = this.#options;
    await releaseLeases(pool, holder).catch(error => log.warn({ err: error }, 'leases left to their end'));
  }

  // ── handed over ───────────────────────────────────────────────────────────────────────────────────────────────

  reserve(bytes: number): Handing {
    const { route, clock, budget, holder } = this.#options;
    const now = clock();
    const { choice, skipped } = route.pick(0, now);
    if (choice === null) {
      return {
        kind: 'park',
        dueInMs: this.#options.deliver.schedule.stepsMs[0]!,
        reason: `upstreams-down: ${route.whyDown(now)}`,
      };
    }
    if (this.#stopping || this.#fresh.length >= MAX_FRESH || !budget.tryTake(bytes)) return { kind: 'queue' };
    route.begin(choice.hop);
    const upstream = choice.upstream.name;
    const attempts = [...skipped, { hop: choice.hop, upstream, skipped: null }];
    return { kind: 'hand-over', holder, leaseMs: LEASE_MS, hop: choice.hop, upstream, attempts };
  }

  cancel(handing: Handing, bytes: number): void {
    if (handing.kind !== 'hand-over') return;
    this.#options.route.abandon(handing.hop);
    this.#options.budget.give(bytes);
  }

  accepted(...[handing, acceptance, envelope, absent]: Parameters<HandOver['accepted']>): void {
    if (handing.kind === 'queue') this.#claims.look();
    if (handing.kind !== 'hand-over') return;
    const work = workOfAcceptance(handing, acceptance, envelope, absent);
    if (work) this.#enqueue(this.#fresh, work);
    else this.cancel(handing, acceptance.content.length);
  }

  // ── slots ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #enqueue(queue: Work[], work: Work): void {
    queue.push(work);
    if (this.#stopping) void this.#giveBack(queue.pop()!);
    else this.#fill();
  }

  #fill(): void {
    while (!this.#stopping && this.#active.size < this.#options.slots) {
      const work = this.#next();
      if (!work) return;
      this.#active.add(work);
      void this.#run(work);
    }
  }

  /** In turns while there is both: a drain neither holds up fresh mail nor starves. */
  #next(): Work | undefined {
    this.#backlogsTurn = !this.#backlogsTurn;
    return this.#backlogsTurn
      ? (this.#backlog.shift() ?? this.#fresh.shift())
      : (this.#fresh.shift() ?? this.#backlog.shift());
  }

  async #run(work: Work): Promise<void> {
    try {
      await deliver(work, this.#options.deliver, {
        attempt: this.#stopAttempts.signal,
        record: this.#stopRecording.signal,
      });
    } catch (error) {
      this.#options.log.error({ err: error, messageId: work.messageId }, 'delivery left to its lease');
    }
    this.#active.delete(work);
    this.#options.budget.give(work.bytes);
    this.#fill();
    if (this.#backlog.length === 0) this.#claims.roomAgain();
    if (this.#active.size === 0) this.#whenIdle?.();
  }

  async #giveBack(work: Work): Promise<void> {
    const { recorder, budget, route, clock, log } = this.#options;
    if (work.openedHop !== null) route.abandon(work.openedHop);
    budget.give(work.bytes);
    const patience = AbortSignal.timeout(5_000);
    await recorder
      .record(notStarted(work, clock()), patience)
      .catch(error => log.warn({ err: error, messageId: work.messageId }, 'left to its lease'));
  }

  /** Throws when the database cannot be reached. */
  async #renew(): Promise<void> {
    const { pool, holder, clock } = this.#options;
    const held = [...this.#active, ...this.#fresh, ...this.#backlog];
    const keys = [...held.flatMap(keysOf), ...this.#claims.waiting];
    if (keys.length > 0) await renewLeases(pool, holder, keys, LEASE_MS);
    this.#renewedAt = clock();
  }

  async #keepLeases(): Promise<void> {
    if (this.#options.clock() - this.#renewedAt > RENEW_EVERY_MS) await this.#renew();
  }
}
