// Runs the migrations that are still missing. Two processes may start together: Kysely takes an advisory lock.
import { readdir } from 'node:fs/promises';
import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';

const FOLDER = new URL('../../migrations/', import.meta.url);

/** Names of the migrations that ran, oldest first. Throws with the name of the one that failed. */
export async function migrate(db: Kysely<never>): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: readMigrations } });
  const { error, results = [] } = await migrator.migrateToLatest();
  const failed = results.find(result => result.status === 'Error');
  if (error)
    throw new Error(`migration ${failed?.migrationName ?? ''} failed: ${(error as Error).message}`, { cause: error });
  return results.map(result => result.migrationName);
}

/** Names of the migrations that would run. */
export async function missingMigrations(db: Kysely<never>): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: readMigrations } });
  const all = await migrator.getMigrations();
  return all.filter(migration => !migration.executedAt).map(migration => migration.name);
}

async function readMigrations(): Promise<Record<string, Migration>> {
  const files = (await readdir(FOLDER)).filter(file => /^\d{4}_\w+\.ts$/.test(file)).sort();
  const migrations: Record<string, Migration> = {};
  for (const file of files) migrations[file.slice(0, -3)] = await import(new URL(file, FOLDER).href);
  return migrations;
}
