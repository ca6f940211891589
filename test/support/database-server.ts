// vitest's global set-up: one embedded PostgreSQL for the whole run, and in it a migrated template that `cloneDatabase`
// copies. The summary at the end repeats why suites were skipped.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres/index.ts';
import { createLog } from '../../src/platform/log.ts';
import { createDatabase, createPool } from '../../src/platform/postgres.ts';
import { createWakeQueue } from '../../src/platform/queue.ts';
import { migrate } from '../../src/store/migrate.ts';
import { missingPrograms } from './programs.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** URL of the server's maintenance database. */
    databaseServer: string;
  }
}

export const TEMPLATE = 'template_postern';

export default async function setup(project: TestProject) {
  const dataDir = await mkdtemp(join(tmpdir(), 'postern-test-'));
  const log = createLog('silent');
  const server = await startEmbeddedPostgres({ dataDir, log });
  await makeTemplate(server.url);
  project.provide('databaseServer', server.url);
  return async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 3 });
    for (const reason of missingPrograms()) console.log(`skipped: ${reason}`);
  };
}

async function makeTemplate(serverUrl: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`create database ${TEMPLATE}`);
  await client.end();
  const url = urlOfDatabase(serverUrl, TEMPLATE);
  const log = createLog('silent');
  const pool = createPool(url, { max: 1, name: 'template', log });
  await migrate(createDatabase<never>(pool) as Kysely<never>);
  await pool.end();
  // The queue's own tables too: making them takes longer than all of ours.
  const queue = createWakeQueue({ databaseUrl: url, redisUrl: null, log });
  await queue.counts();
  await queue.close();
}

export function urlOfDatabase(serverUrl: string, name: string): string {
  return serverUrl.replace(/\/[^/?]*(\?|$)/, `/${name}$1`);
}
