// From single runs to what is reported: medians, their spread, and how Postern compares.
import { type Figures, METRICS, type MetricName } from './metrics.ts';
import type { Run } from './rounds.ts';
import { median } from './statistics.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export type Summary = Partial<Record<MetricName, Spread>>;

/** Whom the others are compared with, unless a scenario has contestants of its own. */
export const OURS = 'postern';

/** Nobody, where the one in question did not run. */
export function peersOf(names: readonly string[], ours: string): string[] {
  return names.includes(ours) ? names.filter(name => name !== ours) : [];
}

export function summarise(runs: readonly Run[], relay: string): Summary {
  return eachMetric(metric => spreadOf(valuesOf(runs, relay, metric)));
}

/**
 * How many times better Postern, or a way of it, is than the peer: above 1 it is faster, or takes less. Taken within each round, where
 * both met the same machine, then the median; the quotient of two medians could pair a calm round with a noisy one.
 */
export function compare(runs: readonly Run[], peer: string, ours: string): Summary {
  const rounds = [...new Set(runs.map(run => run.round))];
  return eachMetric(metric => spreadOf(rounds.flatMap(round => timesBetter(runs, [ours, peer], round, metric))));
}

function timesBetter(
  runs: readonly Run[],
  names: readonly [string, string],
  round: number,
  metric: MetricName,
): number[] {
  const [ours, theirs] = names.map(name => figuresOf(runs, name, round)[metric]);
  if (ours === undefined || theirs === undefined || ours <= 0 || theirs <= 0) return [];
  return [METRICS[metric].better === 'more' ? ours / theirs : theirs / ours];
}

function figuresOf(runs: readonly Run[], relay: string, round: number): Figures {
  return runs.find(run => run.relay === relay && run.round === round)?.figures ?? {};
}

function valuesOf(runs: readonly Run[], relay: string, metric: MetricName): number[] {
  return runs.filter(run => run.relay === relay).flatMap(run => run.figures[metric] ?? []);
}

function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

function eachMetric(spread: (metric: MetricName) => Spread | undefined): Summary {
  const summary: Summary = {};
  for (const metric of Object.keys(METRICS) as MetricName[]) {
    const value = spread(metric);
    if (value) summary[metric] = value;
  }
  return summary;
}
