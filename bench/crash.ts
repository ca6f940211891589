// Kills Postern at random moments while mail pours in, and counts. A proof, not a measurement: every message that was
// answered with 250 must reach the upstream, whole, whatever was killed and when.
//
// A message can come twice when the upstream had taken it and the kill came before that was written down. So whatever
// came again must have come first in such a window: between --settle-ms before a kill and the recovery after it.
// Exit 1 when anything was lost, cut short, or repeated without that excuse.
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { makeCertificate } from './certificate.ts';
import { Ledger, type Verdict } from './crash/ledger.ts';
import { pourMail } from './crash/pour.ts';
import { kill, VICTIMS, type Victim } from './crash/victims.ts';
import { count, setting } from './options.ts';
import { haraka } from './relays/haraka.ts';
import { posternVariants } from './relays/postern.ts';
import { postfix } from './relays/postfix.ts';
import type { Relay, RunningRelay, Site } from './relays/relay.ts';
import { startSink } from './sink.ts';
import { defaultParent, freePort, makeHome, removeHome, waitUntil } from './workspace.ts';

interface Options {
  readonly what: Victim;
  readonly times?: number;
  readonly relay: string;
  readonly sessions: number;
  readonly rate: number;
  readonly settleMs: number;
  readonly patience: number;
  readonly quiet: number;
  readonly set: Readonly<Record<string, string>>;
  readonly haraka?: string;
  readonly dir: string;
  readonly keep: boolean;
}

const DEFAULT_TIMES = { tree: 50, database: 20, node: 20 } as const;
const BACK_WITHIN_MS = 60_000;
const LONGEST_LIFE_MS = 2_500;

const program = new Command('crash')
  .description('Kills a relay again and again under load, and proves that no acknowledged message is lost.')
  .addOption(new Option('--what <victim>', 'what is killed with SIGKILL').choices(VICTIMS).default('tree'))
  .option('--times <n>', 'how often (default: 50 for tree, else 20)', count)
  .addOption(
    new Option('--relay <name>', 'the peers serve as control')
      .choices(['postern', 'postfix', 'haraka'])
      .default('postern'),
  )
  .option('--sessions <n>', 'clients at the same time', count, 20)
  .option('--rate <n>', 'messages per second at most, all sessions together', count, 1_500)
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
  const sink = await startSink(upstreamPort, arrival => ledger.arrive(arrival));
  const relay = relayNamed(options);
  let running: RunningRelay | null = null;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => void running?.stop().finally(() => process.exit(130)));
  }
  try {
    running = await relay.start(site);
    running = await killRepeatedly(relay, running, site, ledger, times, options);
    await everythingArrived(ledger, options);
    return report(ledger.verdict(), times, options);
  } finally {
    await running?.stop();
    await sink.stop();
    removeHome(directory);
    if (options.keep) console.log(`kept: ${home}`);
    else removeHome(home);
  }
}

/** Answers with the relay that lives at the end: after each kill of `tree` or `node` it is another one. */
async function killRepeatedly(
  relay: Relay,
  first: RunningRelay,
  site: Site,
  ledger: Ledger,
  times: number,
  { what, sessions, rate }: Options,
): Promise<RunningRelay> {
  let running = first;
  const stop = new AbortController();
  const { smtpPort: port, login } = running;
  const pouring = pourMail({ sessions, ratePerSecond: rate, port, login, ledger, signal: stop.signal });
  try {
    for (let time = 1; time <= times; time += 1) {
      await sleep(Math.random() * LONGEST_LIFE_MS);
      const killedAtMs = performance.now();
      ledger.kill(killedAtMs);
      await kill(what, running.tree);
      // Postern starts its database again by itself; a process that is gone needs somebody else.
      if (what !== 'database') running = await relay.start(site);
      await backAtWork(ledger, site, performance.now());
      showProgress(time, times, what, performance.now() - killedAtMs, ledger);
    }
    return running;
  } finally {
    stop.abort();
    await pouring;
  }
}

/** An open port is no proof: only a message begun after the kill and acknowledged is. */
async function backAtWork(ledger: Ledger, site: Site, sinceMs: number): Promise<void> {
  const isBack = await waitUntil(() => ledger.hasAcknowledgedSince(sinceMs), BACK_WITHIN_MS, 10);
  if (!isBack) throw new Error(`takes no mail ${BACK_WITHIN_MS / 1000} s after a kill; its log is in ${site.home}`);
  ledger.recover(performance.now());
}

async function everythingArrived(ledger: Ledger, { patience, quiet }: Options): Promise<void> {
  console.error(`  no more kills; ${ledger.missing} acknowledged messages are still on their way`);
  await waitUntil(() => ledger.missing === 0, patience * 1000);
  await waitUntil(() => performance.now() - ledger.lastArrivalMs > quiet * 1000, patience * 1000);
}

function showProgress(time: number, times: number, what: Victim, downMs: number, ledger: Ledger): void {
  const state = `${ledger.acknowledged} acknowledged, ${ledger.missing} on their way`;
  console.error(`  ${time}/${times} killed ${what}: takes mail again after ${(downMs / 1000).toFixed(1)} s; ${state}`);
}

function report(verdict: Verdict, times: number, { what, relay, settleMs }: Options): number {
  const { lost, cutShort, twiceWithoutExcuse } = verdict;
  console.log(`${relay}, ${what} killed ${times} times under load
  acknowledged            ${verdict.acknowledged}
  arrived                 ${verdict.arrived}, of these ${verdict.unpromised} without a 250 that reached the client
  LOST                    ${lost.length}${examples(lost)}
  cut short               ${cutShort.length}${examples(cutShort)}
  came twice              ${verdict.twice} of at most ${verdict.twiceAtMost} that arrived around a kill
    without that excuse   ${twiceWithoutExcuse.length}${examples(twiceWithoutExcuse)}
    taken before the kill ${Math.round(verdict.longestUnsettledMs)} ms at most (allowed: ${settleMs} ms)`);
  return lost.length + cutShort.length + twiceWithoutExcuse.length > 0 ? 1 : 0;
}

function examples(numbers: readonly number[]): string {
  return numbers.length === 0 ? '' : `: X-Bench ${numbers.slice(0, 10).join(' ')}${numbers.length > 10 ? ' …' : ''}`;
}

function relayNamed({ relay, set, haraka: prefix }: Options): Relay {
  return [...posternVariants(set), postfix, haraka(prefix)].find(({ name }) => name === relay)!;
}
