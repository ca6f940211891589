// The tables that a person reads: one per scenario, a row per relay, then how many times better Postern is.
import type { Machine } from './machine.ts';
import { METRICS, type Metric, type MetricName } from './metrics.ts';
import type { Run } from './rounds.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { compare, peersOf, type Spread, type Summary, summarise } from './summary.ts';

export function machineLines(machine: Machine, versions: readonly string[]): string {
  const { cores, cpu, memoryMb, loadBefore, kernel, node, commit, filesystem, takenAt } = machine;
  const busy = loadBefore > 0.5 ? ' (somebody else is working here: trust CPU-s/1k more than rates)' : '';
  return [
    `${cores} cores (${cpu}), ${Math.round(memoryMb / 1024)} GiB, Linux ${kernel}, ${filesystem}, Node ${node}, ${takenAt.slice(0, 16)}Z`,
    `load ${loadBefore.toFixed(2)} before${busy}; this checkout at ${commit}`,
    `relays: ${versions.join(', ')}`,
  ].join('\n');
}

export function scenarioTable(
  scenario: Scenario,
  messages: number,
  rounds: number,
  runs: readonly Run[],
  ours: string,
): string {
  const relays = [...new Set(runs.map(run => run.relay))];
  const rows = [
    ['', ...scenario.columns.map(metric => METRICS[metric].heading)],
    ...relays.map(name => [name, ...cells(scenario, summarise(runs, name), figureCell)]),
    ...peersOf(relays, ours).map(peer => [`  vs ${peer}`, ...cells(scenario, compare(runs, peer, ours), ratioCell)]),
  ];
  const title = `${scenario.name}: ${scenario.title} (N = ${messages.toLocaleString('en')}, rounds: ${rounds})`;
  return [title, align(rows), ...remarks(runs)].join('\n');
}

type Cell = (spread: Spread, metric: Metric) => string;

function cells(scenario: Scenario, summary: Summary, cell: Cell): string[] {
  return scenario.columns.map((name: MetricName) => {
    const spread = summary[name];
    return spread ? cell(spread, METRICS[name]) : '-';
  });
}

const figureCell: Cell = (spread, metric) => {
  const show = (value: number) => decimals(value, metric.digits);
  const range = metric.isHeadline && spread.min !== spread.max ? ` (${show(spread.min)}-${show(spread.max)})` : '';
  return show(spread.median) + range;
};

const ratioCell: Cell = spread => `${decimals(spread.median, spread.median < 10 ? 2 : 0)}x`;

function decimals(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Names to the left, figures to the right, and no column wider than it must be. */
function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return rows.map(row => `  ${line(row)}`).join('\n');
}

/** The same remark of several rounds is said once. */
function remarks(runs: readonly Run[]): string[] {
  return [...new Set(runs.flatMap(run => run.remarks.map(remark => `  ! ${run.relay}: ${remark}`)))];
}
