// What is claimed when, over a real database: here what becomes of what is parked when routes are other ones.
import { afterAll, expect, it } from 'vitest';
import { Claims, type ClaimsOptions } from '../../../relay/dispatch/claims.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { acceptMessages } from '../../../src/store/accept.ts';
import { acceptance } from '../../support/acceptance.ts';
import { cloneDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';

const database = await cloneDatabase();
afterAll(() => database.drop());

it('is asked again, though the database was away for a moment', async () => {
  await acceptMessages(database.pool, [acceptance(['a@x.example'], { waitsFor: 'default', dueInMs: 60_000 })]);
  let isAway = true;
  const pool = {
    query: async (...given: Parameters<typeof database.pool.query>) => {
      if (isAway) throw new Error('connection lost');
      return database.pool.query(...given);
    },
  };
  const claims = new Claims({
    ...{ pool, switchboard: { appetite: 'none', blocked: () => [] }, recorder: { isStuck: false } },
    ...{ holder: 'h', clock: Date.now, log: createLog('fatal'), metrics: createMetrics(async () => 0) },
    keepLeases: async () => undefined,
  } as unknown as ClaimsOptions);
  claims.unpark();
  isAway = await new Promise<boolean>(resolve => setImmediate(() => resolve(false)));
  await eventually(async () => {
    claims.look();
    expect(await database.rows('select 1 from deliveries where parked')).toEqual([]);
  });
  await claims.stop();
});
