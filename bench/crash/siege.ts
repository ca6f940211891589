// What is done to a relay again and again while mail pours in: each kind of harm behind the same few words.
import type { RunningRelay } from '../relays/relay.ts';
import type { Ledger, Verdict } from './ledger.ts';

export interface Siege {
  /** Where mail is taken. */
  readonly ports: readonly number[];
  readonly login: RunningRelay['login'];
  /** Tells the ledger from when to when mail may come twice. Resolves with what was hit, once it works again. */
  strike(ledger: Ledger): Promise<string>;
  /** What else must hold at the end, in lines for people; `isBroken` when it does not. */
  inspect(verdict: Verdict, refusals: ReadonlyMap<string, number>): Promise<Inspection>;
  stop(): Promise<void>;
}

export interface Inspection {
  readonly lines: readonly string[];
  readonly isBroken: boolean;
}
