import { createServer } from 'node:net';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLog } from '../../src/platform/log.ts';
import { assertDurable, createDatabase, createPool } from '../../src/platform/postgres.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
const log = createLog('silent');

// Kysely listens to no errors of a client in use, and an error that nobody listens to ends the process.
it('a connection that breaks in the middle of a statement fails that statement, and nothing else', async () => {
  const pool = createPool(database.url, { max: 1, name: 'breaking', log });
  const db = createDatabase<never>(pool);
  const running = sql`select pg_sleep(60)`.execute(db);
  const failed = expect(running).rejects.toThrow();
  await eventually(async () => {
    const ended = await database.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'breaking' and state = 'active'`,
    );
    expect(ended).toHaveLength(1);
  });
  await failed;
  // The server says goodbye a moment before the connection ends: whoever asks in between is told the same.
  await eventually(async () => expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }]));
  await pool.end();
});

it('commits are on the disk whatever the role or the database says', async () => {
  const name = new URL(database.url.replace(/@[^/]*\//, '@localhost/')).pathname.slice(1);
  await database.rows(`alter database ${name} set synchronous_commit = off`);
  const pool = createPool(database.url, { max: 1, name: 'durable', log });
  await assertDurable(pool);
  expect((await pool.query('show synchronous_commit')).rows).toEqual([{ synchronous_commit: 'on' }]);
  await pool.end();
});

it('a statement that is never answered fails, and its connection is not used again', async () => {
  // The beginning of a conversation as PostgreSQL has it (AuthenticationOk, ReadyForQuery), and not a word after it.
  const hello = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49]);
  const server = createServer(
    socket => void socket.once('data', () => socket.write(hello)).on('error', () => undefined),
  );
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const url = `postgres://u:p@127.0.0.1:${port}/x?sslmode=disable`;
  const pool = createPool(url, { max: 1, name: 'test', log: createLog('silent'), answerWithinMs: 100 });
  await expect(pool.query('select 1')).rejects.toThrow('timeout');
  expect(pool.totalCount).toBe(0);
  await pool.end();
  server.close();
});
