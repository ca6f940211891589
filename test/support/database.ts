// A database of one's own: a clone of the migrated template, dropped when the test file is done.
import { randomBytes } from 'node:crypto';
import { Client, Pool } from 'pg';
import { inject } from 'vitest';
import { createDatabase } from '../../src/platform/postgres.ts';
import type { Database } from '../../src/store/schema.ts';
import { TEMPLATE, urlOfDatabase } from './database-server.ts';
import { eventually } from './eventually.ts';

export type TestDatabase = Awaited<ReturnType<typeof cloneDatabase>>;

export async function cloneDatabase({ empty = false } = {}) {
  const server = inject('databaseServer');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await run(server, `create database ${name} template ${empty ? 'template1' : TEMPLATE}`);
  const opened = openDatabase(urlOfDatabase(server, name));
  return {
    ...opened,
    async drop() {
      await opened.drop();
      // An autovacuum worker that is in it belongs to the superuser: not ours to end, and soon done.
      await eventually(() => run(server, `drop database ${name} with (force)`));
    },
  };
}

/** A database that somebody else keeps. */
export function openDatabase(url: string) {
  const pool = new Pool({ connectionString: url, max: 3 });
  // Dropping the database ends connections that were left.
  pool.on('error', () => undefined);
  return {
    url,
    pool,
    db: createDatabase<Database>(pool),
    /** Rows as plain objects. */
    async rows<Row = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<Row[]> {
      return (await pool.query(sql, values)).rows as Row[];
    },
    drop: () => pool.end(),
  };
}

async function run(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
