// What there is to say of each upstream: its settings without passwords, its circuit, and the routes that go round it.
import type { Pool } from '../../src/platform/postgres.ts';
import type { UpstreamSettings } from '../../src/platform/upstream-url.ts';
import { type CircuitState, readCircuits } from '../../src/store/circuits.ts';
import { type RunningFallback, readFallbacks } from '../../src/store/fallbacks.ts';
import { readSlowdowns, type SharedSlowdown } from '../../src/store/slowdowns.ts';
import { readTurns, type TurnsToday } from '../../src/store/turns.ts';

export type KnownState = {
  readonly circuits: readonly CircuitState[];
  readonly fallbacks: readonly RunningFallback[];
  /** Messages of today, where somebody counts them. */
  readonly turns: readonly TurnsToday[];
  readonly slowed: readonly SharedSlowdown[];
};

/** None lasts longer without another refusal. */
const SLOWED_WITHIN_MS = 3_600_000;

export async function readState(pool: Pool): Promise<KnownState> {
  const [circuits, fallbacks, turns, slowed] = await Promise.all([
    readCircuits(pool),
    readFallbacks(pool),
    readTurns(pool),
    readSlowdowns(pool, SLOWED_WITHIN_MS),
  ]);
  return { circuits, fallbacks, turns, slowed };
}

export type CircuitSurvey = {
  readonly state: 'open' | 'closed';
  readonly failures: number;
  readonly cause: string | null;
  readonly reason: string | null;
  readonly rule: string | null;
  readonly since: Date | null;
  readonly by: string | null;
  readonly until: Date | null;
  readonly lookInMs: number | null;
  readonly trialHolder: string | null;
};

/** `domain` is `*` where it is all mail; `ratePerSecond` is what it was right after the last refusal. */
export type SlowedSurvey = { readonly domain: string; readonly ratePerSecond: number; readonly reason: string };

export type UpstreamSurvey = UpstreamSettings & {
  /** null where nobody can say, the database not being up; so with the others. */
  readonly circuit: CircuitSurvey | null;
  readonly fallbacks: readonly RunningFallback[] | null;
  /** How many messages it had today (UTC), where that is counted: at a rate, or in a warm-up. */
  readonly usedToday: number | null;
  readonly slowed: readonly SlowedSurvey[] | null;
};

/** In their order. Passwords are left out. */
export function surveyUpstreams(
  upstreams: readonly UpstreamSettings[],
  state: KnownState | null,
): readonly UpstreamSurvey[] {
  return upstreams.map(upstream => ({
    ...withoutPasswords(upstream),
    circuit: state && surveyCircuit(state.circuits.find(circuit => circuit.upstream === upstream.name)),
    fallbacks: state?.fallbacks.filter(({ from }) => from.includes(upstream.name)) ?? null,
    usedToday: state?.turns.find(turns => turns.upstream === upstream.name)?.used ?? null,
    slowed: state && surveySlowed(state.slowed.filter(pair => pair.upstream === upstream.name)),
  }));
}

/** undefined = nothing was ever said of it. */
function surveyCircuit(circuit: CircuitState | undefined): CircuitSurvey {
  const { failures = 0, cause = null, reason = null, rule = null, openedAt: since = null } = circuit ?? {};
  const { openedBy: by = null, openUntil: until = null, lookInMs = null, trialHolder = null } = circuit ?? {};
  const state = failures > 0 ? 'open' : 'closed';
  return { state, failures, cause, reason, rule, since, by, until, lookInMs, trialHolder };
}

function surveySlowed(pairs: readonly SharedSlowdown[]): SlowedSurvey[] {
  return pairs.map(({ domain, rate, reason }) => ({ domain, ratePerSecond: rate, reason }));
}

function withoutPasswords(upstream: UpstreamSettings): UpstreamSettings {
  if (!('proxy' in upstream)) return upstream;
  const { proxy } = upstream;
  return { ...upstream, password: undefined, proxy: proxy && { ...proxy, password: undefined } } as never;
}
