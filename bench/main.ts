// `npm run bench`: Postern beside Postfix and Haraka, in one run, on this machine. See README.md here.
import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { describeMachine } from './machine.ts';
import { count, list, setting } from './options.ts';
import { fleetAs } from './relays/fleet.ts';
import { haraka } from './relays/haraka.ts';
import { posternVariants } from './relays/postern.ts';
import { postfix } from './relays/postfix.ts';
import type { Relay } from './relays/relay.ts';
import { machineLines, scenarioTable } from './report.ts';
import { type RoundOptions, type Run, runScenario, stopWhateverRuns } from './rounds.ts';
import { SCENARIOS } from './scenarios/all.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { compare, OURS, peersOf, summarise } from './summary.ts';
import { defaultParent } from './workspace.ts';

interface Options extends Omit<RoundOptions, 'isPipelined' | 'keepHomes' | 'parent'> {
  readonly relays: readonly string[];
  readonly pipelining: boolean;
  readonly haraka?: string;
  readonly set: Readonly<Record<string, string>>;
  readonly dir: string;
  readonly keep: boolean;
  readonly json?: string;
}

const program = new Command('bench')
  .description('Measures relays side by side: generator -> relay -> sink, all on 127.0.0.1.')
  .argument('[scenario...]', SCENARIOS.map(scenario => scenario.name).join(', '), ['kept', 'light'])
  .option('--relays <names>', 'which relays, in which order', list, ['postern', 'postfix', 'haraka'])
  .option('--rounds <n>', 'medians are taken over so many', count, 3)
  .option('--messages <n>', "instead of each scenario's own number", count)
  .addOption(new Option('--generator <name>', 'who sends').choices(['own', 'smtp-source']).default('own'))
  .addOption(new Option('--sink <name>', 'who receives').choices(['own', 'smtp-sink']).default('smtp-sink'))
  .option('--pipelining', 'send MAIL, RCPT and DATA in one write', false)
  .option('--haraka <prefix>', 'an npm prefix with the haraka package')
  .option('--set <NAME=value>', 'an environment setting for Postern; repeatable', setting, {})
  .option('--dir <path>', 'where queues and logs live: a real disk, not tmpfs', defaultParent())
  .option('--keep', "leave every relay's directory there, with its relay.log", false)
  .option('--json <file>', 'write every single figure there too');

const [names, options] = [program.parse().processedArgs[0] as string[], program.opts<Options>()];
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => void stopWhateverRuns().finally(() => process.exit(130)));
}
process.exitCode = await bench(names.map(scenarioNamed), options);

async function bench(scenarios: readonly Scenario[], options: Options): Promise<number> {
  const { present, versions } = findRelays(options);
  if (present.length === 0) return 1;
  const machine = describeMachine(options.dir);
  console.log(`${machineLines(machine, versions)}\n`);
  const results = [];
  for (const scenario of scenarios) {
    const contestants = scenario.contestants?.(options.set);
    const runs = await runScenario(scenario, contestants ?? present, roundOptions(options), showProgress);
    const ours = contestants?.[0]?.name ?? OURS;
    console.log(`${scenarioTable(scenario, options.messages ?? scenario.messages, options.rounds, runs, ours)}\n`);
    results.push(resultOf(scenario, contestants ?? present, runs, ours));
  }
  if (options.json)
    writeFileSync(options.json, `${JSON.stringify({ machine, versions, options, results }, null, 2)}\n`);
  return results.some(({ runs }) => runs.some(run => Object.keys(run.figures).length === 0)) ? 1 : 0;
}

function findRelays(options: Options): { present: Relay[]; versions: string[] } {
  const known = [...posternVariants(options.set), apart(options.set), postfix, haraka(options.haraka)];
  const wanted = options.relays.map(name => known.find(relay => relay.name === name) ?? usage(`no relay "${name}"`));
  const findings = wanted.map(relay => ({ relay, finding: relay.find() }));
  for (const { relay, finding } of findings) {
    if (finding.kind === 'absent') console.log(`${relay.name}: ${finding.why}`);
  }
  return {
    present: findings.filter(({ finding }) => finding.kind === 'found').map(({ relay }) => relay),
    versions: findings.flatMap(({ relay, finding }) =>
      finding.kind === 'found' ? [`${relay.name} ${finding.version}`] : [],
    ),
  };
}

/** A listener and a dispatcher over PostgreSQL and Redis: what it costs that they are not one. */
function apart(settings: Options['set']): Relay {
  return fleetAs('postern-apart', { listeners: 1, dispatchers: 1, settings });
}

function roundOptions({ pipelining, dir, keep, ...options }: Options): RoundOptions {
  return { ...options, isPipelined: pipelining, parent: dir, keepHomes: keep };
}

/** On stderr, so that the tables can be redirected alone. */
function showProgress(run: Run): void {
  const { relayedPerSecond, cpuPer1k } = run.figures;
  const figures = [
    relayedPerSecond === undefined ? '' : `${Math.round(relayedPerSecond)}/s`,
    cpuPer1k === undefined ? '' : `${cpuPer1k.toFixed(2)} CPU-s/1k`,
  ];
  console.error(['  round', run.round, run.relay, ...figures, ...run.remarks].filter(Boolean).join(' '));
}

function resultOf(scenario: Scenario, relays: readonly Relay[], runs: readonly Run[], ours: string) {
  const names = relays.map(relay => relay.name);
  return {
    scenario: scenario.name,
    runs,
    summary: Object.fromEntries(names.map(name => [name, summarise(runs, name)])),
    timesBetter: Object.fromEntries(peersOf(names, ours).map(name => [name, compare(runs, name, ours)])),
  };
}

function scenarioNamed(name: string): Scenario {
  return SCENARIOS.find(scenario => scenario.name === name) ?? usage(`no scenario "${name}"`);
}

function usage(problem: string): never {
  return program.error(`${problem}; see --help`, { exitCode: 2 });
}
