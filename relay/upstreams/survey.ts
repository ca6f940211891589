// What there is to say of each upstream: its settings without passwords, its circuit, and the routes that go round it.
import type { UpstreamSettings } from '../../src/platform/upstream-url.ts';
import { type CircuitState, readCircuits } from '../../src/store/circuits.ts';
import { type RunningFallback, readFallbacks } from '../../src/store/fallbacks.ts';
import type { Connection } from '../../src/store/transaction.ts';

export type KnownState = {
  readonly circuits: readonly CircuitState[];
  readonly fallbacks: readonly RunningFallback[];
};

export async function readState(pool: Connection): Promise<KnownState> {
  const [circuits, fallbacks] = await Promise.all([readCircuits(pool), readFallbacks(pool)]);
  return { circuits, fallbacks };
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

export type UpstreamSurvey = UpstreamSettings & {
  /** null where nobody can say, the database not being up; so with `fallbacks`. */
  readonly circuit: CircuitSurvey | null;
  readonly fallbacks: readonly RunningFallback[] | null;
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
  }));
}

/** undefined = nothing was ever said of it. */
function surveyCircuit(circuit: CircuitState | undefined): CircuitSurvey {
  const { failures = 0, cause = null, reason = null, rule = null, openedAt: since = null } = circuit ?? {};
  const { openedBy: by = null, openUntil: until = null, lookInMs = null, trialHolder = null } = circuit ?? {};
  const state = failures > 0 ? 'open' : 'closed';
  return { state, failures, cause, reason, rule, since, by, until, lookInMs, trialHolder };
}

function withoutPasswords(upstream: UpstreamSettings): UpstreamSettings {
  if (!('proxy' in upstream)) return upstream;
  const { proxy } = upstream;
  return { ...upstream, password: undefined, proxy: proxy && { ...proxy, password: undefined } } as never;
}
