import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { createLog } from '../../src/platform/log.ts';
import { createPool } from '../../src/platform/postgres.ts';

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
