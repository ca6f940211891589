// One transaction over several statements. A connection is held from begin to commit, so nobody else is awaited within.
import type { Pool, PoolClient } from 'pg';

/** What statements run on: a transaction's connection, or the pool where each is a transaction of its own. */
export type Connection = Pick<PoolClient, 'query'>;

const TRIES = 3;

/** Commits what `work` did, or nothing of it. Begins again when PostgreSQL chose this one to end a deadlock. */
export async function inTransaction<T>(pool: Pool, work: (connection: Connection) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(pool, work);
    } catch (error) {
      if (attempt === TRIES || !isAnothersTurn(error)) throw error;
    }
  }
}

async function once<T>(pool: Pool, work: (connection: Connection) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    // A connection that cannot even roll back is not given to others.
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    );
    throw error;
  }
}

/** 40P01 deadlock_detected, 40001 serialization_failure. */
function isAnothersTurn(error: unknown): boolean {
  return ['40P01', '40001'].includes((error as { code?: string }).code ?? '');
}
