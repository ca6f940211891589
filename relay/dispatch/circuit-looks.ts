// When an upstream whose circuit is open is looked at, and by whom: of all processes the one that has the trial in the
// database. It keeps it while it looks and tries; with no mail to try, it hands it on to a process that has some.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../src/platform/clock.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import { type CircuitState, handOnTrial, TRIAL_MS, takeTrial, wantTrial } from '../../src/store/circuits.ts';
import { holdMs, pauseMs } from '../upstreams/breaker.ts';
import type { Circuit } from './circuit.ts';

export type CircuitLooksOptions = {
  readonly pool: Pool;
  readonly holder: string;
  readonly clock: Clock;
  /** Not beside what is being written or read of circuits. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
};

const RENEW_BELOW_MS = TRIAL_MS / 2;
/** A database that does not say by then whether we may look is as good as away. */
const PATIENCE_MS = 3_000;

/** So long after it answered, and no delivery went there, it is looked at a second time. */
const QUIET_MS = 30_000;

type Looked = {
  planned: NodeJS.Timeout | null;
  isLooking: boolean;
  /** Since when a delivery may go and none has. */
  allowedAt: number | null;
};

export class CircuitLooks {
  readonly #options: CircuitLooksOptions;
  readonly #looked = new WeakMap<Circuit, Looked>();
  #isStopped = false;

  constructor(options: CircuitLooksOptions) {
    this.#options = options;
  }

  plan(circuit: Circuit, inMs: number): void {
    const looked = this.#of(circuit);
    if (looked.planned) clearTimeout(looked.planned);
    looked.planned = null;
    const { failures, trial } = circuit.breaker;
    const isWanted = failures > 0 && trial === 'no' && Number.isFinite(inMs);
    if (!isWanted || this.#isStopped || circuit.stopped.aborted) return;
    looked.planned = setTimeout(() => void this.#look(circuit, looked), Math.max(0, Math.ceil(inMs)));
    looked.planned.unref();
  }

  /** When it is time, or the trial of another process ends; at once when we were given it. */
  planBy(circuit: Circuit, { trialHolder, trialForMs, lookInMs }: CircuitState): void {
    if (trialHolder === this.#options.holder) this.plan(circuit, 0);
    else this.plan(circuit, trialForMs ?? lookInMs ?? Number.POSITIVE_INFINITY);
  }

  /** Keeps the trial that is ours while it is needed, hands it on when others have mail and we do not, asks for another's. */
  async tend(circuit: Circuit, known: readonly CircuitState[]): Promise<void> {
    const { pool, holder } = this.#options;
    const { name } = circuit.upstream;
    const wishes = circuit.takeWish();
    const state = known.find(({ upstream }) => upstream === name);
    if (state === undefined || !circuit.isOpen || state.trialHolder === null) return;
    const { trial } = circuit.breaker;
    if (state.trialHolder !== holder) {
      if (wishes) await wantTrial(pool, name, holder);
    } else if (trial === 'allowed' && state.trialWantedBy !== null && this.#hasHeld(circuit, state)) {
      circuit.giveUp();
      await handOnTrial(pool, name, holder);
    } else {
      if (trial !== 'no' && state.trialForMs! < RENEW_BELOW_MS) await takeTrial(pool, name, holder);
      if (trial === 'allowed') this.#lookAgain(circuit);
    }
  }

  stop(members: Iterable<{ readonly circuit: Circuit }>): void {
    this.#isStopped = true;
    for (const { circuit } of members) this.plan(circuit, Number.POSITIVE_INFINITY);
  }

  async #look(circuit: Circuit, looked: Looked): Promise<void> {
    looked.planned = null;
    if (looked.isLooking || circuit.stopped.aborted) return;
    looked.isLooking = true;
    const mayLook = await this.#mayLook(circuit);
    const { trial, failures } = circuit.breaker;
    if (mayLook && failures > 0 && trial === 'no' && !this.#isStopped && !circuit.stopped.aborted) {
      await circuit.look(this.#options.clock);
      looked.allowedAt = this.#options.clock();
    }
    looked.isLooking = false;
    if (looked.planned === null) this.plan(circuit, pauseMs(circuit.breaker));
  }

  /** A spare upstream may get no mail for days: it is not to be called down for so long. */
  #lookAgain(circuit: Circuit): void {
    const looked = this.#of(circuit);
    const { clock } = this.#options;
    const isQuiet = looked.allowedAt !== null && clock() - looked.allowedAt >= QUIET_MS;
    if (!isQuiet || looked.isLooking || !circuit.canBeTalkedTo) return;
    looked.isLooking = true;
    void circuit.lookAgain(clock).finally(() => {
      looked.isLooking = false;
      looked.allowedAt = null;
    });
  }

  /** Of those that would, one may. Without a database to ask, each does. */
  #mayLook(circuit: Circuit): Promise<boolean> {
    const { pool, holder, inTurn } = this.#options;
    const taken = inTurn(() => takeTrial(pool, circuit.upstream.name, holder)).catch(() => true);
    return Promise.race([taken, sleep(PATIENCE_MS, true, { ref: false })]);
  }

  #hasHeld(circuit: Circuit, { handedOn }: CircuitState): boolean {
    const { allowedAt } = this.#of(circuit);
    return allowedAt !== null && this.#options.clock() - allowedAt >= holdMs(handedOn);
  }

  #of(circuit: Circuit): Looked {
    const known = this.#looked.get(circuit);
    if (known) return known;
    const looked: Looked = { planned: null, isLooking: false, allowedAt: null };
    this.#looked.set(circuit, looked);
    return looked;
  }
}
