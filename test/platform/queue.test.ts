import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLog } from '../../src/platform/log.ts';
import { createWakeQueue } from '../../src/platform/queue.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
const log = createLog('silent');
const open = () => createWakeQueue({ databaseUrl: database.url, redisUrl: null, log });
const connections = () =>
  database.rows(
    `select application_name from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  );

it.each(['before it is ready', 'in use'])(
  'the queue closed %s leaves no connection, which would keep the process alive',
  async when => {
    const queue = open();
    let woken = 0;
    queue.listen(() => {
      woken += 1;
    });
    if (when === 'in use') {
      await queue.wakeNow();
      await eventually(() => expect(woken).toBeGreaterThan(0));
    }
    await queue.close();
    // Nothing opens later, either: what was on its way is given time to arrive.
    for (let i = 0; i < 50; i += 1) await connections();
    await eventually(async () => expect(await connections()).toEqual([]), 3_000);
  },
);

it('a wake-up of one process reaches another', async () => {
  const [sender, receiver] = [open(), open()];
  let woken = 0;
  receiver.listen(() => {
    woken += 1;
  });
  sender.wake(0);
  await eventually(() => expect(woken).toBe(1));
  sender.wake(20);
  await eventually(() => expect(woken).toBe(2));
  await Promise.all([sender.close(), receiver.close()]);
});

it('a database that is away at the start leaves the rest of the process its turns', async () => {
  const queue = createWakeQueue({ databaseUrl: 'postgres://u:p@127.0.0.1:1/x', redisUrl: null, log });
  queue.listen(() => undefined);
  queue.wake(0);
  for (let turn = 0; turn < 1_000; turn += 1) await new Promise(resolve => setImmediate(resolve));
  await queue.close();
});
