import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, programAs } from './account.ts';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError } from './error.ts';
import type { PostgresHome } from './home.ts';
import { type EmbeddedLog, readServerLog, type ServerLog } from './log.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { startProgram } from './run-program.ts';
import { serverArguments } from './settings.ts';

/** One run of the server, from ready to its end. */
export type Server = {
  readonly pid: number;
  /** Resolves, never rejects, with the reason when the process has ended. */
  readonly ended: Promise<string>;
  /** Fast shutdown: clients are cut off, everything is written. Harder ways when that takes too long. */
  stop(): Promise<void>;
};

export type ServerPlan = {
  readonly home: PostgresHome;
  readonly binaries: Binaries;
  readonly account: Account;
  readonly socketDirectory: string;
  readonly log: EmbeddedLog;
};

/** Starts the server and waits until it accepts connections. When that fails, no process is left. */
export async function launchServer(plan: ServerPlan, signal?: AbortSignal): Promise<Server> {
  signal?.throwIfAborted();
  const args = serverArguments(plan.home.cluster, plan.socketDirectory);
  const child = startProgram(programAs(plan.account, plan.binaries.postgres, args), { cwd: '/' });
  const serverLog = readServerLog(child.stderr!, plan.log);
  child.stdin!.end();
  child.stdout!.resume();
  const ended = endOf(child);
  const server = { pid: child.pid ?? 0, ended, stop: () => stopServer(child, ended, serverLog) };
  try {
    await untilReady(plan.home, server, serverLog, signal);
  } catch (error) {
    await server.stop();
    throw error;
  }
  serverLog.settle('ready');
  return server;
}

/** Recovery after a crash replays at most max_wal_size of log, which takes seconds; this is for a disk that hangs. */
const READY_TIMEOUT_MS = 120_000;
const LOOK_EVERY_MS = 10;
const FAST_SHUTDOWN_MS = 20_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;

async function untilReady(
  home: PostgresHome,
  server: Server,
  serverLog: ServerLog,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = AbortSignal.timeout(READY_TIMEOUT_MS);
  let ended: string | null = null;
  server.ended.then(reason => {
    ended = reason;
  });
  for (;;) {
    const file = await readPostmasterFile(home);
    if (file?.pid === server.pid && file.isReady) return;
    if (ended !== null) throw new EmbeddedPostgresError(`PostgreSQL did not start (${ended}): ${serverLog.reason()}`);
    if (deadline.aborted)
      throw new EmbeddedPostgresError(`PostgreSQL was not ready within ${READY_TIMEOUT_MS / 1000} s`);
    signal?.throwIfAborted();
    await sleep(LOOK_EVERY_MS);
  }
}

async function stopServer(child: ChildProcess, ended: Promise<string>, serverLog: ServerLog): Promise<void> {
  serverLog.settle('stopping');
  child.kill('SIGINT');
  if (await within(FAST_SHUTDOWN_MS, ended)) return;
  child.kill('SIGQUIT');
  if (await within(IMMEDIATE_SHUTDOWN_MS, ended)) return;
  child.kill('SIGKILL');
  await within(IMMEDIATE_SHUTDOWN_MS, ended);
}

async function within(timeoutMs: number, ended: Promise<string>): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  const isOver = await Promise.race([ended.then(() => true), late]);
  timer.abort();
  return isOver;
}

/** The end counts when stderr is read to its end too; not much later though: backends that outlive it keep it open. */
function endOf(child: ChildProcess): Promise<string> {
  const stopWithUs = () => child.kill('SIGINT');
  // A gateway that calls process.exit() has no time to wait, but enough to ask.
  process.once('exit', stopWithUs);
  return new Promise(resolve => {
    const finish = (reason: string) => {
      process.removeListener('exit', stopWithUs);
      resolve(reason);
    };
    child.on('error', error => finish(error.message));
    child.on('close', (code, signal) => finish(endReason(code, signal)));
    child.on('exit', (code, signal) => setTimeout(finish, LAST_WORDS_MS, endReason(code, signal)));
  });
}

const LAST_WORDS_MS = 200;

function endReason(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code}` : signal;
}
