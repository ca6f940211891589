/**
 * Makes the database cluster, once. Everything is built under a temporary name, `postgres.new-…`, and renamed when it is
 * complete and on disk: killed at any moment, the next start finds either all or nothing. A complete one is never removed.
 *
 * The role `postern` owns its database and may make others (tests clone templates), but is no superuser: an SQL injection
 * must not become COPY … TO PROGRAM. The superuser cannot log in; it exists for single-user mode alone.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, handOver, programAs } from './account.ts';
import { type Binaries, majorVersion } from './binaries.ts';
import { EmbeddedPostgresError } from './error.ts';
import { exists, homeIn, type PostgresHome } from './home.ts';
import { runProgram } from './run-program.ts';

export const ROLE = 'postern';
export const DATABASE = 'postern';

export type ClusterMaker = { readonly binaries: Binaries; readonly account: Account; readonly signal?: AbortSignal };

/** Makes the cluster if there is none, else checks that this PostgreSQL can open it. Returns whether it is new. */
export async function ensureCluster(home: PostgresHome, maker: ClusterMaker): Promise<boolean> {
  await removeHalfMade(home);
  if (await exists(home.directory)) {
    await checkVersion(home, maker.binaries);
    await adopt(home, maker.account);
    return false;
  }
  try {
    const building = homeIn(home.base, await mkdtemp(halfMadePrefix(home)));
    await build(building, maker);
    await rename(building.directory, home.directory);
    await flushDirectory(home.base);
  } catch (error) {
    await removeHalfMade(home);
    const isOurs = error instanceof EmbeddedPostgresError || maker.signal?.aborted;
    throw isOurs ? error : cannotCreate(home, (error as Error).message);
  }
  return true;
}

export async function readPassword(home: PostgresHome): Promise<string> {
  try {
    return (await readFile(home.passwordFile, 'utf8')).trim();
  } catch (cause) {
    throw new EmbeddedPostgresError(`cannot read the database password: ${(cause as Error).message}`, { cause });
  }
}

/** Unfinished clusters have this prefix; their builders work in them. */
export function halfMadePrefix(home: PostgresHome): string {
  return `${home.directory}.new-`;
}

async function build(building: PostgresHome, maker: ClusterMaker): Promise<void> {
  const password = randomBytes(24).toString('base64url');
  await mkdir(building.cluster, { mode: 0o700 });
  await adopt(building, maker.account);
  await initialise(building, maker);
  await writeFile(join(building.cluster, 'pg_hba.conf'), `local all ${ROLE} scram-sha-256\n`, { flush: true });
  await handOver(maker.account, [join(building.cluster, 'pg_hba.conf')]);
  await createRoleAndDatabase(building, maker, password);
  await writeFile(building.passwordFile, `${password}\n`, { mode: 0o600, flush: true });
}

/** The account owns the cluster and may pass through to it; the password beside it stays ours. */
async function adopt(home: PostgresHome, account: Account): Promise<void> {
  if (account.kind !== 'other-user') return;
  await chmod(home.directory, 0o711);
  // chown changes a directory after what is in it: when the top is right, all is.
  if ((await stat(home.cluster)).uid !== account.uid) await handOver(account, [home.cluster]);
}

/** The built-in locale sorts the same on every machine and after every upgrade of its C library. */
async function initialise(building: PostgresHome, { binaries, account, signal }: ClusterMaker): Promise<void> {
  const args = ['--pgdata', building.cluster, '--username', 'postgres', '--encoding', 'UTF8', '--locale', 'C'];
  const locale = ['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'];
  const program = programAs(account, binaries.initdb, [...args, ...locale]);
  const limits = { timeoutMs: 120_000, signal, cwd: building.cluster };
  const { code, output } = await runProgram(program, limits);
  if (code !== 0) throw cannotCreate(building, output);
}

/** In single-user mode, so that no half-prepared server is ever open to anybody, and over stdin: argv is public. */
async function createRoleAndDatabase(building: PostgresHome, maker: ClusterMaker, password: string): Promise<void> {
  const { binaries, account, signal } = maker;
  const statements = [
    `create role ${ROLE} login createdb password '${password}'`,
    `grant pg_monitor to ${ROLE}`,
    `create database ${DATABASE} owner ${ROLE}`,
  ];
  const args = ['--single', '-D', building.cluster, '-c', 'log_checkpoints=off', 'template1'];
  const limits = { timeoutMs: 60_000, signal, cwd: building.cluster, input: `${statements.join('\n')}\n` };
  const { code, output } = await runProgram(programAs(account, binaries.postgres, args), limits);
  // Single-user mode goes on after an error and exits with 0.
  if (code !== 0 || /(ERROR|FATAL|PANIC):/.test(output)) throw cannotCreate(building, output);
}

async function checkVersion(home: PostgresHome, binaries: Binaries): Promise<void> {
  const version = await readFile(join(home.cluster, 'PG_VERSION'), 'utf8').then(
    text => text.trim(),
    () => 'unknown',
  );
  if (version === majorVersion(binaries)) return;
  throw new EmbeddedPostgresError(
    `the database in ${home.cluster} is of PostgreSQL ${version}, this Postern brings PostgreSQL ${majorVersion(binaries)}: dump it with the Postern that made it and restore the dump here`,
  );
}

async function removeHalfMade(home: PostgresHome): Promise<void> {
  for (const name of await readdir(home.base)) {
    const path = join(home.base, name);
    // What cannot be removed now (an initdb that is still dying) is in nobody's way and goes at the next start.
    if (path.startsWith(halfMadePrefix(home))) await rm(path, { recursive: true, maxRetries: 3 }).catch(() => {});
  }
}

async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path);
  await directory.sync().finally(() => directory.close());
}

function cannotCreate(building: PostgresHome, output: string): EmbeddedPostgresError {
  const where = `cannot create the database in ${building.base}`;
  if (/no space left on device/i.test(output)) return new EmbeddedPostgresError(`${where}: the disk is full`);
  const lines = output.split('\n').filter(line => /error|fatal|panic|denied|cannot|could not/i.test(line));
  const reason = (lines.length > 0 ? lines : output.trim().split('\n')).slice(-3).join('; ');
  return new EmbeddedPostgresError(`${where}: ${reason}`);
}
