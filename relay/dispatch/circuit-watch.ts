// One circuit an upstream for all processes over one database. What is found out here is written down, with its event;
// what others found out, and what was done by hand, is looked for every second. Whether an upstream is back is found out
// by one process at a time: who has the trial in the database looks, and may send one delivery. A poll, and no LISTEN: that
// takes a connection of its own, gets lost behind poolers and with each reconnect, and would save a process that has not
// heard yet at most one attempt. It fails towards sending: while the database is away, each process goes on by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import {
  type CircuitState,
  changeCircuits,
  closeCircuit,
  closeOverdue,
  failTrial,
  handOnTrial,
  openCircuit,
  readCircuits,
  releaseTrials,
  TRIAL_MS,
  takeTrial,
  wantTrial,
} from '../../src/store/circuits.ts';
import type { Connection } from '../../src/store/transaction.ts';
import { type Breaker, type Cause, holdMs, pauseMs } from '../upstreams/breaker.ts';
import type { Circuit, Finding } from './circuit.ts';
import type { Fallbacks } from './fallbacks.ts';
import type { Fleet } from './fleet.ts';

export type CircuitWatchOptions = {
  readonly pool: Pool;
  readonly fleet: Fleet;
  readonly fallbacks: Fallbacks;
  /** One run of one node: `node:run`. */
  readonly holder: string;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Logger;
};

const ASK_EVERY_MS = 1_000;
const RENEW_BELOW_MS = TRIAL_MS / 2;
/** A database that does not say by then whether we may look is as good as away. */
const PATIENCE_MS = 3_000;

/** What is known here of one circuit, beside what it knows of itself. */
type Watched = {
  /** Found out, and not written down yet. */
  finding: Finding | null;
  look: NodeJS.Timeout | null;
  isLooking: boolean;
  /** Since when a delivery may go and none has. */
  allowedAt: number | null;
};

export class CircuitWatch {
  readonly #options: CircuitWatchOptions;
  readonly #watched = new WeakMap<Circuit, Watched>();
  #known: readonly CircuitState[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** One after the other, so that nothing is followed that is older than what was written. */
  #working: Promise<unknown> = Promise.resolve();
  #isExchanging = false;
  #isAsked = false;
  #isAlone = false;
  #isStopped = false;

  constructor(options: CircuitWatchOptions) {
    this.#options = options;
  }

  /** What others know holds before anything is sent. */
  async start(): Promise<void> {
    this.refresh();
    await this.#working;
    this.#timer = setInterval(() => this.#exchange(), ASK_EVERY_MS);
    this.#timer.unref();
  }

  /** Upstreams or routes are other ones now. */
  refresh(): void {
    for (const state of this.#known) this.#follow(state);
    this.#exchange();
  }

  note(circuit: Circuit, finding: Finding): void {
    const watched = this.#of(circuit);
    // A look that failed before the opening was written down: what others hear of is still the opening.
    const isOpening = watched.finding?.kind === 'opened' && finding.kind === 'failed';
    watched.finding = isOpening ? { ...finding, kind: 'opened' } : finding;
    this.#plan(circuit, pauseMs(circuit.breaker));
    this.#exchange();
  }

  /** What was found out is written down, and what is to be found out left to others. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) clearInterval(this.#timer);
    for (const { circuit } of this.#options.fleet.members) this.#unplan(circuit);
    this.#exchange();
    while (this.#isExchanging) await this.#working;
    const { pool, holder, log } = this.#options;
    if (this.#isAlone) return;
    await releaseTrials(pool, holder).catch(error => log.debug({ err: error }, 'trials left to their end'));
  }

  // ── the database ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Now, or right after the exchange that is under way. */
  #exchange(): void {
    this.#isAsked = true;
    if (this.#isExchanging) return;
    this.#isExchanging = true;
    this.#working = this.#working.then(async () => {
      while (this.#isAsked) {
        this.#isAsked = false;
        await this.#tellAndAsk().then(
          () => this.#setAlone(null),
          error => this.#setAlone(error as Error),
        );
      }
      this.#isExchanging = false;
    });
  }

  #setAlone(error: Error | null): void {
    const { log } = this.#options;
    if (error !== null && !this.#isAlone) log.warn({ event: 'circuits-alone', err: error }, 'circuits are not shared');
    if (error === null && this.#isAlone) log.info({ event: 'circuits-shared' }, 'circuits are shared again');
    this.#isAlone = error !== null;
  }

  async #tellAndAsk(): Promise<void> {
    const { fleet, fallbacks, pool, nodeId } = this.#options;
    for (const { circuit } of fleet.members) await this.#write(circuit);
    await fallbacks.writeCounts(pool);
    await this.#read();
    if (this.#known.some(({ isOver }) => isOver)) {
      await this.#settle(connection => closeOverdue(connection, nodeId));
      await this.#read();
    }
    for (const { circuit } of fleet.members) await this.#tendTrial(circuit);
  }

  async #read(): Promise<void> {
    const { pool, fallbacks } = this.#options;
    this.#known = await readCircuits(pool);
    for (const state of this.#known) this.#follow(state);
    if (await fallbacks.follow(pool, this.#known)) await this.#settle(async () => undefined);
  }

  /** What was found out here, if that is not written down yet. */
  async #write(circuit: Circuit): Promise<void> {
    const watched = this.#of(circuit);
    const { finding } = watched;
    if (finding === null) return;
    const { breaker } = circuit;
    await this.#settle(connection => this.#record(connection, circuit.upstream.name, breaker, finding));
    // What has been found out meanwhile is written next.
    if (watched.finding === finding) watched.finding = null;
  }

  async #record(connection: Connection, upstream: string, breaker: Breaker, { kind, lesson }: Finding): Promise<void> {
    const { holder, nodeId: by } = this.#options;
    if (kind === 'closed') return void (await closeCircuit(connection, upstream, by));
    const rule = lesson.kind === 'well' ? null : (lesson.rule ?? null);
    const { cause, lastError } = breaker;
    const why = { upstream, cause, reason: lastError ?? 'no error known', rule, lookInMs: pauseMs(breaker) };
    if (kind === 'opened') await openCircuit(connection, { ...why, by });
    else await failTrial(connection, holder, why);
  }

  /** A change, and what it means for routes, in one transaction. */
  async #settle(change: (connection: Connection) => Promise<unknown>): Promise<void> {
    const { pool, fallbacks } = this.#options;
    await fallbacks.writeCounts(pool);
    const changes = await changeCircuits(pool, async connection => {
      await change(connection);
      return fallbacks.settle(connection);
    });
    fallbacks.tell(changes);
  }

  #follow(state: CircuitState): void {
    const circuit = this.#options.fleet.get(state.upstream)?.circuit;
    if (circuit === undefined || this.#of(circuit).finding !== null) return;
    const { failures, reason, openForMs, trialHolder } = state;
    const { clock, holder } = this.#options;
    const cause = (state.cause ?? 'unreachable') as Cause;
    const shared = { failures, cause, lastError: reason, openedAt: clock() - openForMs };
    circuit.follow(shared, trialHolder === holder, state.openedBy);
    if (!circuit.isOpen || cause === 'by-hand') return this.#unplan(circuit);
    const isOthers = trialHolder !== null && trialHolder !== holder;
    this.#plan(circuit, isOthers ? state.trialForMs! : trialHolder === null ? (state.lookInMs ?? 0) : 0);
  }

  // ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

  #plan(circuit: Circuit, inMs: number): void {
    this.#unplan(circuit);
    const { failures, trial } = circuit.breaker;
    const isWanted = failures > 0 && trial === 'no' && Number.isFinite(inMs);
    if (!isWanted || this.#isStopped || circuit.stopped.aborted) return;
    const watched = this.#of(circuit);
    watched.look = setTimeout(() => void this.#look(circuit, watched), Math.max(0, inMs));
    watched.look.unref();
  }

  #unplan(circuit: Circuit): void {
    const watched = this.#of(circuit);
    if (watched.look) clearTimeout(watched.look);
    watched.look = null;
  }

  async #look(circuit: Circuit, watched: Watched): Promise<void> {
    watched.look = null;
    if (watched.isLooking || circuit.stopped.aborted) return;
    watched.isLooking = true;
    const mayLook = await this.#mayLook(circuit);
    const { trial, failures } = circuit.breaker;
    if (mayLook && failures > 0 && trial === 'no' && !this.#isStopped && !circuit.stopped.aborted) {
      await circuit.look(this.#options.clock);
      watched.allowedAt = this.#options.clock();
    }
    watched.isLooking = false;
    if (watched.look === null) this.#plan(circuit, pauseMs(circuit.breaker));
  }

  /** Of those that would, one may. Without a database to ask, each does. */
  async #mayLook(circuit: Circuit): Promise<boolean> {
    const { pool, holder } = this.#options;
    const taken = this.#working.then(() => takeTrial(pool, circuit.upstream.name, holder)).catch(() => true);
    this.#working = taken;
    return Promise.race([taken, sleep(PATIENCE_MS, true, { ref: false })]);
  }

  /** Keeps the trial that is ours while it is needed, hands it on when others have mail and we do not, asks for another's. */
  async #tendTrial(circuit: Circuit): Promise<void> {
    const { pool, holder, clock } = this.#options;
    const name = circuit.upstream.name;
    const wishes = circuit.takeWish();
    const state = this.#known.find(({ upstream }) => upstream === name);
    if (state === undefined || !circuit.isOpen || state.trialHolder === null) return;
    const { trial } = circuit.breaker;
    if (state.trialHolder !== holder) {
      if (wishes) await wantTrial(pool, name, holder);
    } else if (trial === 'allowed' && state.trialWantedBy !== null && this.#hasHeld(circuit, state, clock())) {
      circuit.giveUp();
      await handOnTrial(pool, name, holder);
    } else if (trial !== 'no' && state.trialForMs! < RENEW_BELOW_MS) await takeTrial(pool, name, holder);
  }

  #hasHeld(circuit: Circuit, { handedOn }: CircuitState, now: number): boolean {
    const { allowedAt } = this.#of(circuit);
    return allowedAt !== null && now - allowedAt >= holdMs(handedOn);
  }

  #of(circuit: Circuit): Watched {
    const known = this.#watched.get(circuit);
    if (known) return known;
    const watched: Watched = { finding: null, look: null, isLooking: false, allowedAt: null };
    this.#watched.set(circuit, watched);
    return watched;
  }
}
