// What commands share: the settings, the database whether the gateway is up or down, and how times and JSON are printed.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { type JudgedSettings, judgeSettings as judge, loadSettings } from '../platform/config.ts';
import { openDataDirectory } from '../platform/data-directory.ts';
import { runningEmbeddedPostgres, startEmbeddedPostgres } from '../platform/embedded-postgres/index.ts';
import { createLog, type Logger } from '../platform/log.ts';
import { assertDurable, createDatabase, createPool, type Pool } from '../platform/postgres.ts';
import type { Settings } from '../platform/settings.ts';
import type { Database } from '../store/schema.ts';

/** Something that the user can understand and mend: printed without a stack. */
export class Failure extends Error {}

/** A value that is wrong by itself, whatever the gateway has: exit code 2, as for an option that there is not. */
export class UsageError extends Failure {}

/** Whether its message tells the operator what to mend; of others the stack tells us. */
export function isExpected(error: unknown): boolean {
  return error instanceof Failure || (error as NodeJS.ErrnoException).code !== undefined || isOurs(error);
}

/** Errors that parts of ours word for the operator. */
function isOurs(error: unknown): boolean {
  return ['DataDirectoryError', 'EmbeddedPostgresError', 'PostgresError', 'CertificateError', 'SealError'].includes(
    (error as Error).name,
  );
}

export type Store = { readonly url: string; readonly pool: Pool; readonly db: Kysely<Database> };

/** In the directory where a command is run, unless POSTERN_CONFIG names another one. */
export const CONFIG_FILE = './postern.yaml';

/** All that `postern start` has there too, so that a second terminal sees the gateway's upstreams and resolvers. */
export function readAllSettings(): Settings {
  return loadSettings(environment());
}

/**
 * A slip in postern.yaml is no reason to be told nothing of the mail: what is wrong is told on standard error, and ends
 * only a command that needs it.
 */
export function readSettings(): Settings {
  const { settings, problems } = judgeSettings();
  for (const problem of problems) console.error(`postern: a setting is wrong: ${problem}`);
  return settings;
}

/** The same for whoever tells of the problems in another way. From then on they are told. */
export function judgeSettings(): JudgedSettings {
  const judged = judge(environment());
  return { ...judged, problems: judged.problems.filter(problem => !told.has(problem) && told.add(problem)) };
}

const told = new Set<string>();

/** For a command that came upon one of them. */
export function isTold(problem: string): boolean {
  return told.has(problem);
}

function environment(): NodeJS.ProcessEnv {
  const file = configFile();
  return { ...process.env, ...(file !== null && { POSTERN_CONFIG: file }) };
}

export function configFile(): string | null {
  return process.env.POSTERN_CONFIG || (existsSync(CONFIG_FILE) ? CONFIG_FILE : null);
}

/** Runs `use` with the database: the one by URL, the embedded one of the running gateway, or the embedded one started for this. */
export async function withStore<T>(
  use: (store: Store, settings: Settings, log: Logger) => Promise<T>,
  { mayCreate = false } = {},
): Promise<T> {
  const settings = readSettings();
  const log = createLog('silent');
  const { url, close } = await reachDatabase(settings, log, mayCreate);
  const pool = createPool(url, { max: 2, name: 'postern-cli', log });
  try {
    await assertDurable(pool);
    return await use({ url, pool, db: createDatabase<Database>(pool) }, settings, log);
  } catch (error) {
    throw isMissingTable(error)
      ? new Failure('the database is empty: run `npx postern start` or `npx postern migrate` first')
      : error;
  } finally {
    await pool.end();
    await close();
  }
}

/** Runs `use` with the database if it is up, without starting it; null = it is not. */
export async function withRunningStore<T>(use: (store: Store, settings: Settings) => Promise<T>): Promise<T | null> {
  const settings = readSettings();
  const url = settings.DATABASE_URL ?? (await runningEmbeddedPostgres(settings.POSTERN_DATA_DIR));
  if (!url) return null;
  const pool = createPool(url, { max: 2, name: 'postern-cli', log: createLog('silent') });
  try {
    return await use({ url, pool, db: createDatabase<Database>(pool) }, settings);
  } catch (error) {
    if (isMissingTable(error)) return null;
    throw error;
  } finally {
    await pool.end();
  }
}

async function reachDatabase(settings: Settings, log: Logger, mayCreate: boolean) {
  if (settings.DATABASE_URL) return { url: settings.DATABASE_URL, close: async () => undefined };
  const running = await runningEmbeddedPostgres(settings.POSTERN_DATA_DIR);
  if (running) return { url: running, close: async () => undefined };
  if (!mayCreate && !hasDatabase(settings.POSTERN_DATA_DIR)) {
    throw new Failure(
      `there is no database in ${settings.POSTERN_DATA_DIR} yet: run \`npm start\` or \`npx postern migrate\``,
    );
  }
  const directory = await openDataDirectory(settings.POSTERN_DATA_DIR);
  const embedded = await startEmbeddedPostgres({ dataDir: directory.path, log });
  const close = async () => {
    await embedded.stop();
    await directory.release();
  };
  return { url: embedded.url, close };
}

/** A cluster, or the note that it lives elsewhere. */
function hasDatabase(dataDir: string): boolean {
  return ['postgres', 'postgres.location'].some(name => existsSync(join(dataDir, name)));
}

function isMissingTable(error: unknown): boolean {
  return (error as { code?: string }).code === '42P01';
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value));
}

/** `2026-11-23 14:05:09.123`, in the reader's own time zone. */
export function formatTime(date: Date): string {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().replace('T', ' ').replace('Z', '');
}

/** The same to the second, for tables. */
export function formatSecond(date: Date): string {
  return formatTime(date).slice(0, 19);
}
