// One circuit an upstream for all processes over one database. What is found out here is written down, with its event;
// what others found out, and what was done by hand, is looked for every second. Whether an upstream is back is found out
// by one process at a time: who has the trial in the database looks, and may send one delivery. A poll, and no LISTEN: that
// takes a connection of its own, gets lost behind poolers and with each reconnect, and would save a process that has not
// heard yet at most one attempt. It fails towards sending: while the database is away, each process goes on by itself.
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import {
  type CircuitState,
  changeCircuits,
  closeCircuit,
  closeOverdue,
  failTrial,
  openCircuit,
  readCircuits,
  releaseTrials,
} from '../../src/store/circuits.ts';
import type { Connection } from '../../src/store/transaction.ts';
import { type Breaker, type Cause, pauseMs } from '../upstreams/breaker.ts';
import type { Circuit, Finding } from './circuit.ts';
import { CircuitLooks } from './circuit-looks.ts';
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

export class CircuitWatch {
  readonly #options: CircuitWatchOptions;
  readonly #looks: CircuitLooks;
  /** Found out, and not written down yet. */
  readonly #findings = new WeakMap<Circuit, Finding>();
  #known: readonly CircuitState[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** One after the other, so that nothing is followed that is older than what was written. */
  #working: Promise<unknown> = Promise.resolve();
  #isExchanging = false;
  #isAsked = false;
  #isAlone = false;

  constructor(options: CircuitWatchOptions) {
    this.#options = options;
    this.#looks = new CircuitLooks({ ...options, inTurn: work => this.#inTurn(work) });
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
    // A look that failed before the opening was written down: what others hear of is still the opening.
    const isOpening = this.#findings.get(circuit)?.kind === 'opened' && finding.kind === 'failed';
    this.#findings.set(circuit, isOpening ? { ...finding, kind: 'opened' } : finding);
    this.#looks.plan(circuit, pauseMs(circuit.breaker));
    this.#exchange();
  }

  /** What was found out is written down, and what is to be found out left to others. */
  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#looks.stop(this.#options.fleet.members);
    this.#exchange();
    while (this.#isExchanging) await this.#working;
    const { pool, holder, log } = this.#options;
    if (this.#isAlone) return;
    await releaseTrials(pool, holder).catch(error => log.debug({ err: error }, 'trials left to their end'));
  }

  // ── the database ──────────────────────────────────────────────────────────────────────────────────────────────

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#working.then(work);
    this.#working = done.catch(() => undefined);
    return done;
  }

  /** Now, or right after the exchange that is under way. */
  #exchange(): void {
    this.#isAsked = true;
    if (this.#isExchanging) return;
    this.#isExchanging = true;
    void this.#inTurn(async () => {
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
    for (const { circuit } of fleet.members) await this.#looks.tend(circuit, this.#known);
  }

  async #read(): Promise<void> {
    const { pool, fallbacks } = this.#options;
    this.#known = await readCircuits(pool);
    for (const state of this.#known) this.#follow(state);
    if (await fallbacks.follow(pool, this.#known)) await this.#settle(async () => undefined);
  }

  /** What was found out here, if that is not written down yet. */
  async #write(circuit: Circuit): Promise<void> {
    const finding = this.#findings.get(circuit);
    if (finding === undefined) return;
    const { breaker } = circuit;
    await this.#settle(connection => this.#record(connection, circuit.upstream.name, breaker, finding));
    // What has been found out meanwhile is written next.
    if (this.#findings.get(circuit) === finding) this.#findings.delete(circuit);
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
    if (circuit === undefined || this.#findings.has(circuit)) return;
    const { failures, reason, openForMs, trialHolder } = state;
    const { clock, holder } = this.#options;
    const cause = (state.cause ?? 'unreachable') as Cause;
    const shared = { failures, cause, lastError: reason, openedAt: clock() - openForMs };
    circuit.follow(shared, trialHolder === holder, state.openedBy);
    this.#looks.planBy(circuit, state);
  }
}
