// The connection to PostgreSQL: one pool, and the promise that what it commits is on the disk.
import { Kysely, PostgresDialect } from 'kysely';
import { Client, Pool, types } from 'pg';
import type { Logger } from './log.ts';

export type { Pool } from 'pg';

/** PostgreSQL is asked for nothing that came after this. */
const OLDEST_VERSION = 150_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** int8: our ids and counts stay far below 2^53. */
types.setTypeParser(20, Number);
/** bytea asked for in binary comes as the bytes that it is; pg knows no parser for it and would make it text. */
types.setTypeParser(17, 'binary', (value: unknown) => value as Buffer);

/** One clear line for the operator. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
}

export type PoolOptions = {
  readonly max: number;
  readonly name: string;
  readonly log: Logger;
  /**
   * For statements that are prepared once and run for weeks. They are planned while the tables are still empty, where a
   * sequential scan looks cheapest; the same plan over 50,000 rows would be the end. So there it is not on offer.
   */
  readonly indexOnly?: boolean;
  /**
   * A statement without an answer by then has failed, and its connection is thrown away: behind a server or a firewall
   * that went away without a word, it would otherwise hang until TCP gives up, a quarter of an hour later.
   */
  readonly answerWithinMs?: number;
};

// Whatever a role or a database sets: a 250 of ours means that the message is on the disk.
const DURABLE = '-c synchronous_commit=on';
const INDEX_ONLY = '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off';

/**
 * A client that loses its connection fails its query and also emits `error`. While it is checked out, as Kysely and
 * BullMQ do, nobody listens, and an error that nobody listens to ends the process.
 */
export class ListeningClient extends Client {
  constructor(config?: ConstructorParameters<typeof Client>[0]) {
    super(config);
    this.on('error', () => undefined);
  }
}

export function createPool(url: string, options: PoolOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    max: options.max,
    Client: ListeningClient,
    application_name: options.name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    options: options.indexOnly ? `${DURABLE} ${INDEX_ONLY}` : DURABLE,
    keepAlive: true,
    ...(options.answerWithinMs ? { query_timeout: options.answerWithinMs } : {}),
  });
  // An idle connection that breaks is replaced at the next query; without a listener it would end the program.
  // Once it is ending, that is what was asked for.
  pool.on('error', error => {
    if (!pool.ending) options.log.warn({ err: error }, 'database connection lost');
  });
  return pool;
}

export function createDatabase<Schema>(pool: Pool): Kysely<Schema> {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

/** Throws `PostgresError` with one clear line when the server cannot be reached, is too old or would lose mail. */
export async function assertDurable(pool: Pool): Promise<void> {
  const row = await serverSettings(pool);
  if (row.version < OLDEST_VERSION) {
    throw new PostgresError(`PostgreSQL 15 or newer is needed, this is ${Math.floor(row.version / 10_000)}`);
  }
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes'] as const) {
    if (row[name] === 'off' || row[name] === 'local') {
      throw new PostgresError(`PostgreSQL runs with ${name}=${row[name]}: mail would be lost in a crash; switch it on`);
    }
  }
}

async function serverSettings(pool: Pool) {
  try {
    const { rows } = await pool.query(
      `select current_setting('server_version_num')::int as version, current_setting('fsync') as fsync,
              current_setting('synchronous_commit') as synchronous_commit,
              current_setting('full_page_writes') as full_page_writes`,
    );
    return rows[0] as { version: number; fsync: string; synchronous_commit: string; full_page_writes: string };
  } catch (error) {
    throw new PostgresError(`PostgreSQL cannot be reached: ${describe(error)}`, { cause: error });
  }
}

/** pg reports a refused connection to several addresses as an AggregateError without a message. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(inner => (inner as Error).message).join('; ');
  return (error as Error).message;
}

/** Whether it is the data that PostgreSQL objects to: data exception (22), constraint (23), a limit of its own (54). */
export function isDataError(error: unknown): boolean {
  return /^(22|23|54)/.test((error as { code?: string }).code ?? '');
}

const MOST_DEADLOCKS = 5;

/**
 * Runs a statement again that PostgreSQL ended because it and another one waited for each other (40P01): nothing of it was
 * done. For statements over many rows whose order nobody can promise, such as an import beside mail to the same addresses.
 */
export async function againAfterDeadlock<T>(run: () => Promise<T>): Promise<T> {
  for (let deadlocks = 1; ; deadlocks += 1) {
    try {
      return await run();
    } catch (error) {
      if ((error as { code?: string }).code !== '40P01' || deadlocks === MOST_DEADLOCKS) throw error;
    }
  }
}

/** Whether the database itself is out of room (53100 disk_full, 53200 out_of_memory). */
export function isOutOfSpace(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return code === '53100' || code === 'ENOSPC' || code === '58030';
}
