// What circuits and fallbacks are now, in words: for `upstream list`, `queue status` and `doctor`.
import { type KnownState, warmupLimit } from '../../relay/index.ts';
import type { UpstreamSettings } from '../platform/upstream-url.ts';
import type { CircuitState } from '../store/circuits.ts';
import type { RunningFallback } from '../store/fallbacks.ts';
import type { SharedSlowdown } from '../store/slowdowns.ts';
import { formatSecond } from './context.ts';
import type { Finding } from './finding.ts';

/** null = the database is not up: nobody can say. undefined = nothing was ever said of it. */
export function describeCircuit(circuit: CircuitState | null | undefined): string {
  if (circuit === null) return 'unknown';
  if (circuit === undefined || circuit.failures === 0) return 'up';
  const { cause, openedAt, openedBy, openUntil, reason } = circuit;
  const since = formatSecond(openedAt!);
  const again =
    circuit.trialHolder === null ? '' : '; it answers again, or is being asked: the next message for it will tell';
  if (cause !== 'by-hand') return `down since ${since}: ${reason}${again}`;
  const until = openUntil === null ? '' : ` until ${formatSecond(openUntil)}`;
  return `open by hand since ${since}${until} (${openedBy})${reason ? `: ${reason}` : ''}`;
}

/** `Mail of route default runs on postmark since …: ses is down (…)`. */
export function describeFallback({ route, since, to, reason }: RunningFallback): string {
  const where =
    to.length > 0 ? `runs on ${to.join(' and ')}` : 'waits: nobody behind its first group takes mail either';
  return `Mail of route ${route} ${where} since ${formatSecond(since)}: ${reason}`;
}

/** Beside the circuit: a warm-up that has had its messages of the day takes none until the next. */
export function isFull(upstream: UpstreamSettings, state: KnownState | null, now: number): boolean {
  const limit = upstream.warmup === null ? null : warmupLimit(upstream.warmup, now);
  return limit !== null && usedToday(upstream, state) >= limit;
}

function usedToday({ name }: UpstreamSettings, state: KnownState | null): number {
  return state?.turns.find(({ upstream }) => upstream === name)?.used ?? 0;
}

/** `14/s`, `12 of 50 today`; of an upstream that is being warmed up, as far as anybody knows what it had today. */
export function describeRate(upstream: UpstreamSettings, state: KnownState | null, now: number) {
  const { ratePerSecond, warmup } = upstream;
  const limit = warmup === null ? null : warmupLimit(warmup, now);
  const today = limit === null ? [] : [`${state ? usedToday(upstream, state) : '?'} of ${limit} today`];
  const rate = ratePerSecond === null ? [] : [formatRate(ratePerSecond)];
  return [...rate, ...today].join(', ') || 'unlimited';
}

/** `14/s`, `1000/m`, `1/h`: in the unit that gives a whole number, which is most likely how it was set. */
function formatRate(perSecond: number): string {
  const units = [['s', 1] as const, ['m', 60] as const, ['h', 3_600] as const];
  const rates = units.map(([unit, seconds]) => ({ unit, rate: Number((perSecond * seconds).toPrecision(9)) }));
  const { rate, unit } = rates.find(one => Number.isInteger(one.rate)) ?? rates[0]!;
  return `${Number.isInteger(rate) ? rate : Number(rate.toPrecision(3))}/${unit}`;
}

/** `Slowed: gmail.com at mx, by 421 4.7.28 …, since 12:03`. */
export function describeSlowed({ upstream, domain, reason, sinceAgoMs }: SharedSlowdown, now: number): string {
  const what = domain === '*' ? `all mail at ${upstream}` : `${domain} at ${upstream}`;
  return `Slowed: ${what} since ${formatSecond(new Date(now - sinceAgoMs))}, by ${reason}`;
}

const TO_DO_ON_FALLBACK =
  'nothing if that is well for now: it goes back by itself; `npx postern upstream list` says why';

/** What a person should know, even where everything goes out. */
export function findState({ circuits, fallbacks }: KnownState, known: readonly string[]): Finding[] {
  const byHand = circuits.filter(({ cause, upstream }) => cause === 'by-hand' && known.includes(upstream));
  return [
    ...byHand.map(circuit => ({
      ...{ check: 'upstream', ok: false, detail: `${circuit.upstream}: ${describeCircuit(circuit)}` },
      todo: `\`npx postern upstream close ${circuit.upstream}\` when it may have mail again`,
    })),
    ...fallbacks.map(fallback => ({
      ...{ check: 'route', ok: false, detail: describeFallback(fallback) },
      todo: fallback.to.length > 0 ? TO_DO_ON_FALLBACK : '`npx postern upstream list` says what is wrong with each',
    })),
  ];
}
