// Kills Postern at random moments while mail pours in, and counts. A proof, not a measurement: every message that was
// answered with 250 must reach the upstream, whole, whatever was killed and when.
//
// A message can come twice when the upstream had taken it and the kill came before that was written down. So whatever
// came again must have come first in such a window: between --settle-ms before a kill and the recovery after it.
// Several processes are besieged in the same way: dispatchers killed (crash/dispatchers.ts), all restarted in turn, where
// nothing may come twice at all (crash/rolling.ts).
// Exit 1 when anything was lost, cut short, or repeated without that excuse.
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { makeCertificate } from './certificate.ts';
import { besiegeDispatchers } from './crash/dispatchers.ts';
import { Ledger, type Verdict } from './crash/ledger.ts';
import { besiegeRelay } from './crash/one-relay.ts';
import { pourMail } from './crash/pour.ts';
import { besiegeByRestarts } from './crash/rolling.ts';
import type { Inspection, Siege } from './crash/siege.ts';
import { VICTIMS } from './crash/victims.ts';
import { count, setting } from './options.ts';
import { haraka } from './relays/haraka.ts';
import { posternVariants } from './relays/postern.ts';
import { postfix } from './relays/postfix.ts';
import type { Relay, Site } from './relays/relay.ts';
import { startSink } from './sink.ts';
import { defaultParent, freePort, makeHome, removeHome, waitUntil } from './workspace.ts';

const WHAT = [...VICTIMS, 'dispatchers', 'rolling'] as const;

interface Options {
  readonly what: (typeof WHAT)[number];
  readonly times?: number;
  readonly relay: string;
  readonly sessions: number;
  readonly rate?: number;
  readonly settleMs: number;
  readonly patience: number;
  readonly quiet: number;
  readonly set: Readonly<Record<string, string>>;
  readonly haraka?: string;
  readonly dir: string;
  readonly keep: boolean;
}

const DEFAULT_TIMES = { tree: 50, database: 20, node: 20, dispatchers: 50, rolling: 20 } as const;
/** What a fleet keeps up with on two cores, where it shares them with generator and sink. */
const DEFAULT_RATE = { tree: 1_500, database: 1_500, node: 1_500, dispatchers: 400, rolling: 400 } as const;
const LONGEST_LIFE_MS = 2_500;

const program = new Command('crash')
  .description('Kills a relay again and again under load, and proves that no acknowledged message is lost.')
  .addOption(
    new Option(
      '--what <victim>',
      'killed with SIGKILL: tree, database, node, or one of two dispatchers; rolling: all restarted in turn',
    )
      .choices(WHAT)
      .default('tree'),
  )
  .option('--times <n>', 'how often (default: 50 for tree and dispatchers, else 20)', count)
  .addOption(
    new Option('--relay <name>', 'the peers serve as control')
      .choices(['postern', 'postfix', 'haraka'])
      .default('postern'),
  )
  .option('--sessions <n>', 'clients at the same time', count, 20)
  .option(
    '--rate <n>',
    'messages per second at most, all sessions together (default: 1,500; several processes: 400)',
    count,
  )
  .option('--settle-ms <n>', 'how long the relay may take to write an outcome down', count, 1_000)
  .option('--patience <s>', 'how long to wait at the end for what is missing', count, 300)
  .option('--quiet <s>', 'how long nothing must arrive before counting', count, 15)
  .option('--set <NAME=value>', 'an environment setting for Postern; repeatable', setting, {})
  .option('--haraka <prefix>', 'an npm prefix with the haraka package')
  .option('--dir <path>', 'where the queue lives: a real disk, not tmpfs', defaultParent())
  .option('--keep', "leave the relay's directory there, with its relay.log", false);

const options = program.parse().opts<Options>();
process.exitCode = await crash(options);

async function crash(options: Options): Promise<number> {
  const times = options.times ?? DEFAULT_TIMES[options.what];
  const directory = makeHome('rig', options.dir);
  const home = makeHome(`crash-${options.relay}`, options.dir);
  const [smtpPort, upstreamPort] = [await freePort(), await freePort()];
  const site = { home, smtpPort, upstreamPort, certificate: makeCertificate(directory) };
  const ledger = new Ledger(options.settleMs);
  const refusals = new Map<string, number>();
  const sink = await startSink(upstreamPort, arrival => ledger.arrive(arrival));
  let siege: Siege | null = null;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => void siege?.stop().finally(() => process.exit(130)));
  }
  try {
    siege = await besiege(site, options);
    await strikeRepeatedly(siege, ledger, refusals, times, options);
    await everythingArrived(ledger, options);
    const verdict = ledger.verdict();
    return report(verdict, await siege.inspect(verdict, refusals), times, options);
  } finally {
    await siege?.stop();
    await sink.stop();
    removeHome(directory);
    if (options.keep) console.log(`kept: ${home}`);
    else removeHome(home);
  }
}

function besiege(site: Site, options: Options): Promise<Siege> {
  const { what, set } = options;
  if (what === 'dispatchers') return besiegeDispatchers(site, set);
  if (what === 'rolling') return besiegeByRestarts(site, set);
  return besiegeRelay(relayNamed(options), site, what);
}

async function strikeRepeatedly(
  siege: Siege,
  ledger: Ledger,
  refusals: Map<string, number>,
  times: number,
  { what, sessions, rate }: Options,
): Promise<void> {
  const stop = new AbortController();
  const { ports, login } = siege;
  const onRefusal = (why: string) => refusals.set(why, (refusals.get(why) ?? 0) + 1);
  const ratePerSecond = rate ?? DEFAULT_RATE[what];
  const pouring = pourMail({ sessions, ratePerSecond, ports, login, ledger, signal: stop.signal, onRefusal });
  try {
    for (let time = 1; time <= times; time += 1) {
      await sleep(Math.random() * LONGEST_LIFE_MS);
      showProgress(time, times, await siege.strike(ledger), ledger);
    }
  } finally {
    stop.abort();
    await pouring;
  }
}

async function everythingArrived(ledger: Ledger, { patience, quiet }: Options): Promise<void> {
  console.error(`  no more blows; ${ledger.missing} acknowledged messages are still on their way`);
  await waitUntil(() => ledger.missing === 0, patience * 1000);
  await waitUntil(() => performance.now() - ledger.lastArrivalMs > quiet * 1000, patience * 1000);
}

function showProgress(time: number, times: number, what: string, ledger: Ledger): void {
  console.error(`  ${time}/${times} ${what}; ${ledger.acknowledged} acknowledged, ${ledger.missing} on their way`);
}

function report(verdict: Verdict, { lines, isBroken }: Inspection, times: number, options: Options): number {
  const { lost, cutShort, twiceWithoutExcuse } = verdict;
  console.log(`${options.relay}, ${options.what}: ${times} blows under load
  acknowledged            ${verdict.acknowledged}
  arrived                 ${verdict.arrived}, of these ${verdict.unpromised} without a 250 that reached the client
  LOST                    ${lost.length}${examples(lost)}
  cut short               ${cutShort.length}${examples(cutShort)}
  came twice              ${verdict.twice} of at most ${verdict.twiceAtMost} that arrived around a kill
    without that excuse   ${twiceWithoutExcuse.length}${examples(twiceWithoutExcuse)}
    taken before the kill ${Math.round(verdict.longestUnsettledMs)} ms at most (allowed: ${options.settleMs} ms)
  longest on its way      ${(verdict.longestWayMs / 1000).toFixed(1)} s${lines.map(line => `\n  ${line}`).join('')}`);
  return isBroken || lost.length + cutShort.length + twiceWithoutExcuse.length > 0 ? 1 : 0;
}

function examples(numbers: readonly number[]): string {
  return numbers.length === 0 ? '' : `: X-Bench ${numbers.slice(0, 10).join(' ')}${numbers.length > 10 ? ' …' : ''}`;
}

function relayNamed({ relay, set, haraka: prefix }: Options): Relay {
  return [...posternVariants(set), postfix, haraka(prefix)].find(({ name }) => name === relay)!;
}
