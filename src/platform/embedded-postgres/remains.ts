/**
 * What a killed gateway or a killed server leaves behind: a live server without a gateway, backends without their
 * postmaster, an initdb, a postmaster.pid, sockets. PostgreSQL guards its data by postmaster.pid and refuses to start when
 * the pid in it lives, whoever that is by now. We hold the lock of the home and can look closer: its processes have the
 * cluster as working directory. They are ended first, and only then postmaster.pid goes.
 */
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { halfMadePrefix } from './cluster.ts';
import { EmbeddedPostgresError } from './error.ts';
import type { PostgresHome } from './home.ts';
import type { EmbeddedLog } from './log.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { runProgram } from './run-program.ts';

export async function clearRemains(home: PostgresHome, log: EmbeddedLog, signal?: AbortSignal): Promise<void> {
  await endBuilders(home);
  await endServer(home, log, signal);
  await rm(join(home.cluster, 'postmaster.pid'), { force: true });
  for (const name of await readdir(home.socketDirectory).catch(() => [])) {
    await rm(join(home.socketDirectory, name), { force: true });
  }
}

/**
 * First a fast shutdown, which leaves a cluster that opens at once; then the harder ways. Without a live postmaster there
 * is nothing to shut down in order: its backends would leave at their next look, which a long query delays.
 */
async function endServer(home: PostgresHome, log: EmbeddedLog, signal?: AbortSignal): Promise<void> {
  const processes = await serverProcesses(home);
  if (processes.length === 0) return;
  const postmaster = (await readPostmasterFile(home))?.pid;
  const orphan = processes.find(pid => pid === postmaster);
  if (orphan !== undefined) {
    log.warn(
      { event: 'database-orphan-found', pid: orphan },
      'stopping the PostgreSQL that a killed gateway left running',
    );
    send([orphan], 'SIGINT');
    if (await waitUntilGone(home, ORPHAN_SHUTDOWN_MS, signal)) return;
  }
  send(await serverProcesses(home), 'SIGQUIT');
  if (await waitUntilGone(home, QUIT_MS, signal)) return;
  send(await serverProcesses(home), 'SIGKILL');
  if (await waitUntilGone(home, KILL_MS, signal)) return;
  const left = (await serverProcesses(home)).join(', ');
  throw new EmbeddedPostgresError(`an earlier PostgreSQL in ${home.cluster} cannot be ended (pid ${left})`);
}

const ORPHAN_SHUTDOWN_MS = 10_000;
const QUIT_MS = 2_000;
const KILL_MS = 5_000;
const LOOK_EVERY_MS = 20;

async function waitUntilGone(home: PostgresHome, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += LOOK_EVERY_MS) {
    if ((await serverProcesses(home)).length === 0) return true;
    signal?.throwIfAborted();
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

async function serverProcesses(home: PostgresHome): Promise<number[]> {
  const all = await processesByDirectory();
  if (all === null) return portableServerProcesses(home);
  return all.filter(({ directory, name }) => directory === home.cluster && name === 'postgres').map(({ pid }) => pid);
}

/** initdb and the PostgreSQL that it runs work below the half-made cluster; nothing of value is there. */
async function endBuilders(home: PostgresHome): Promise<void> {
  const all = (await processesByDirectory()) ?? [];
  const builders = all.filter(
    ({ directory, name }) => directory.startsWith(halfMadePrefix(home)) && ['initdb', 'postgres', 'sh'].includes(name),
  );
  send(
    builders.map(({ pid }) => pid),
    'SIGKILL',
  );
}

type RunningProcess = { readonly pid: number; readonly directory: string; readonly name: string };

/** null where there is no /proc. Processes of other users cannot be looked into and are not ours. */
async function processesByDirectory(): Promise<RunningProcess[] | null> {
  const pids = await readdir('/proc').then(
    names => names.filter(name => /^\d+$/.test(name)),
    () => [],
  );
  if (pids.length === 0) return null;
  const found = await Promise.all(pids.map(describeProcess));
  return found.filter(entry => entry !== null);
}

/** A zombie has no working directory any more, so it does not count as running. */
async function describeProcess(pid: string): Promise<RunningProcess | null> {
  try {
    const directory = await readlink(`/proc/${pid}/cwd`);
    const name = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
    return { pid: Number(pid), directory, name };
  } catch {
    return null;
  }
}

/** macOS: the pid in postmaster.pid, if that process was started on this cluster. */
async function portableServerProcesses(home: PostgresHome): Promise<number[]> {
  const pid = (await readPostmasterFile(home))?.pid;
  if (pid === undefined) return [];
  const { output } = await runProgram({ file: 'ps', args: ['-p', `${pid}`, '-o', 'command='] }, { timeoutMs: 5_000 });
  return output.includes(home.cluster) ? [pid] : [];
}

function send(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // Already gone.
    }
  }
}
