// What the bench needs to know about a relay, and how one is started and stopped.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RelayTree, relayPids } from '../process-tree.ts';
import type { Login } from '../smtp-session.ts';
import { waitUntil } from '../workspace.ts';

export interface Relay {
  readonly name: string;
  find(): Finding;
  /** Starts it on whatever queue its home holds; resolves when it takes mail. */
  start(site: Site): Promise<RunningRelay>;
}

export type Finding =
  | { readonly kind: 'found'; readonly version: string }
  | { readonly kind: 'absent'; readonly why: string };

export interface Site {
  /** The relay's own directory, for configuration, queue and log. */
  readonly home: string;
  readonly smtpPort: number;
  /** Where everything is relayed to, on 127.0.0.1. */
  readonly upstreamPort: number;
  /** PEM files for STARTTLS; made for this run. */
  readonly certificate: { readonly cert: string; readonly key: string };
}

export interface RunningRelay {
  readonly tree: RelayTree;
  readonly smtpPort: number;
  /** Without one it takes mail from 127.0.0.1 as it is. */
  readonly login?: Login;
  /** Where taking mail and sending it are processes of their own: lets the latter stand still, and go on. */
  readonly sending?: { freeze(): void; thaw(): void };
  stop(): Promise<void>;
}

export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly isReady: () => Promise<boolean>;
}

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;

/** Starts the program in its home, with its output in `relay.log` there; throws with the log's end if it never gets ready. */
export async function launch(plan: Launch): Promise<{ tree: RelayTree; child: ChildProcess }> {
  const log = openSync(join(plan.home, 'relay.log'), 'a');
  const child = spawn(plan.program, plan.args, {
    cwd: plan.home,
    env: { ...process.env, ...plan.env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const tree = { rootPid: child.pid!, home: plan.home };
  const isReady = await waitUntil(async () => hasEnded(child) || (await plan.isReady()), READY_WITHIN_MS);
  if (isReady && !hasEnded(child)) return { tree, child };
  await killTree(tree);
  throw new Error(`${plan.program} did not get ready; its log ends with:\n${logEnd(plan.home)}`);
}

/** Asks politely, then kills what is left of it, by pid. */
export async function stopTree(tree: RelayTree): Promise<void> {
  if (relayPids(tree).includes(tree.rootPid)) signal(tree.rootPid, 'SIGTERM');
  if (!(await waitUntil(() => relayPids(tree).length === 0, STOP_WITHIN_MS))) await killTree(tree);
}

export async function killTree(tree: RelayTree): Promise<void> {
  const isGone = await waitUntil(() => {
    const pids = relayPids(tree);
    for (const pid of pids) signal(pid, 'SIGKILL');
    return pids.length === 0;
  }, STOP_WITHIN_MS);
  if (!isGone) throw new Error(`processes survive SIGKILL: ${relayPids(tree).join(' ')}`);
}

export function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself meanwhile.
  }
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function logEnd(home: string): string {
  return readFileSync(join(home, 'relay.log'), 'utf8').slice(-2000);
}
