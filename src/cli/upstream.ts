// `postern upstream list|test|open|close`: where mail goes, what is known of each upstream, whether mail would get there
// now, and whether it is to.
import type { Command } from 'commander';
import { type KnownState, readState, surveyUpstreams, testUpstream } from '../../relay/index.ts';
import { describePlace, type UpstreamSettings } from '../platform/upstream-url.ts';
import type { CircuitState } from '../store/circuits.ts';
import { Failure, printJson, readSettings, withRunningStore } from './context.ts';
import { warnOfOtherSettings } from './goes-by.ts';
import { printTable } from './table.ts';
import { close, open } from './upstream-control.ts';
import { describeCircuit, describeFallback, describeRate, describeSlowed, isFull } from './upstream-state.ts';

export function registerUpstream(program: Command): void {
  const upstream = program.command('upstream').description('where mail goes');
  upstream
    .command('list')
    .description('the upstreams in order, which are down, since when and why, and what runs on a fallback')
    .option('--json', 'print JSON, one a line')
    .action(list);
  upstream
    .command('test [name]')
    .description('connect, TLS and AUTH with one upstream, or with each; sends nothing')
    .option('--json', 'print JSON, one a line')
    .action(test);
  upstream
    .command('open <name>')
    .description('stop sending there, by opening its circuit: until it is closed, or the time is over')
    .option('--reason <text>', 'why, for whoever looks')
    .option('--for <duration>', 'how long: 30m, 2h')
    .option('--json', 'print JSON')
    .action(open);
  upstream
    .command('close <name>')
    .description('send there again at once, by closing its circuit')
    .option('--json', 'print JSON')
    .action(close);
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const upstreams = readSettings().POSTERN_UPSTREAMS ?? [];
  // The list is wanted most when something is wrong: without the database it is shown all the same.
  const state = await withRunningStore(async ({ pool }, settings) => {
    await warnOfOtherSettings(pool, settings);
    return readState(pool);
  }).catch(() => null);
  const circuitOf = (name: string) => (state ? state.circuits.find(({ upstream }) => upstream === name) : null);
  if (json) return surveyUpstreams(upstreams, state).forEach(printJson);
  if (upstreams.length === 0) return console.log('No upstreams: mail is captured (POSTERN_UPSTREAMS names some).');
  printTable(
    ['NAME', 'WHERE', 'TLS', 'AT ONCE', 'RATE', 'STATE'],
    upstreams.map(upstream => row(upstream, circuitOf(upstream.name), state)),
  );
  const slowed = state?.slowed.map(pair => describeSlowed(pair, Date.now())) ?? [];
  const more = [...(state?.fallbacks.map(describeFallback) ?? []), ...slowed];
  if (more.length > 0) console.log(`\n${more.join('\n')}`);
}

function row(upstream: UpstreamSettings, circuit: CircuitState | null | undefined, state: KnownState | null): string[] {
  const { name, connections } = upstream;
  const rate = describeRate(upstream, state, Date.now());
  const user = upstream.kind === 'smtp' && upstream.user !== null ? ` as ${upstream.user}` : '';
  const tls = 'tls' in upstream ? upstream.tls : '-';
  const isUp = circuit !== null && !circuit?.failures;
  const condition = isUp && isFull(upstream, state, Date.now()) ? 'full until 0:00 UTC' : describeCircuit(circuit);
  return [name, `${describePlace(upstream)}${user}`, tls, String(connections), rate, condition];
}

async function test(name: string | undefined, { json }: { json?: boolean }): Promise<void> {
  const settings = readSettings();
  const all = settings.POSTERN_UPSTREAMS ?? [];
  const chosen = name === undefined ? all : all.filter(upstream => upstream.name === name);
  if (chosen.length === 0)
    throw new Failure(
      name === undefined ? 'there are no upstreams (POSTERN_UPSTREAMS)' : `there is no upstream ${name}`,
    );
  const results = [];
  for (const upstream of chosen) results.push(await testUpstream(upstream, settings));
  for (const result of results) {
    if (json) printJson(result);
    else console.log(`${result.ok ? 'ok    ' : 'FAILED'}  ${result.name}  ${result.detail}`);
  }
  if (results.some(result => !result.ok)) process.exitCode = 1;
}
