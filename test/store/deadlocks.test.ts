// An import of suppressions, mail to the same addresses and what becomes of it lock the same rows, in orders of their own:
// whichever of them PostgreSQL ends is run again, and nobody is told of a failure.
import type { PoolClient } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acceptMessages } from '../../src/store/accept.ts';
import { recordProgress } from '../../src/store/deliveries.ts';
import { importSuppressions } from '../../src/store/suppressions.ts';
import { acceptance } from '../support/acceptance.ts';
import { claimSome } from '../support/claims.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
let other: PoolClient;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await importAll();
  other = await database.pool.connect();
});
afterEach(async () => {
  other.release();
  await database.rows('truncate messages, contents, deliveries, attempts, events, suppressions cascade');
});

const importAll = () =>
  importSuppressions(
    database.pool,
    ['a@x.example', 'b@x.example'].map(address => ({
      ...{ address, tenantId: null, stream: null, reason: 'hard-bounce' as const, evidence: null },
      expiresAt: new Date(Date.now() - 1_000),
    })),
  );

/**
 * Another transaction takes the second row that `run` wants, then asks for the first, which `run` has. PostgreSQL ends
 * the one that waited first, and so ours.
 */
async function crossing<T>(first: string, second: string, run: () => Promise<T>): Promise<T> {
  const touch = (address: string) =>
    other.query(`update suppressions set evidence = 'other' where address_key = $1`, [address]);
  await other.query('begin');
  await touch(second);
  const running = run();
  await eventually(async () => {
    const waiting = await database.rows(
      `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    );
    expect(waiting).toHaveLength(1);
  });
  await touch(first);
  await other.query('commit');
  return running;
}

describe('a deadlock with another transaction', () => {
  it('does not end an import', async () => {
    await crossing('a@x.example', 'b@x.example', importAll);
    expect(await database.rows('select evidence from suppressions')).toEqual([{ evidence: null }, { evidence: null }]);
  });

  it('does not turn mail away', async () => {
    const message = acceptance(['a@x.example', 'b@x.example']);
    const accepted = await crossing('a@x.example', 'b@x.example', () => acceptMessages(database.pool, [message]));
    expect(accepted).toEqual([{ kind: 'accepted', suppressed: [] }]);
    expect(await database.rows('select n from deliveries order by n')).toEqual([{ n: 0 }, { n: 1 }]);
  });

  it('does not hold back what became of mail', async () => {
    await acceptMessages(database.pool, [acceptance(['a@x.example', 'b@x.example'])]);
    const { claimed } = await claimSome(database.pool, { which: 'due', limit: 10, holder: 'h', leaseMs: 60_000 });
    const changes = claimed.map(({ messageId, n, attempt }) => ({
      ...{ messageId, n, attempt, state: 'delivered' as const, dueInMs: null, waitsFor: null, pinnedUpstream: null },
      ...{ keepsLease: false, reason: 'x', event: 'delivered' as const, eventData: null },
    }));
    const record = () => recordProgress(database.pool, 'h', { ended: [], opened: [], changes });
    expect(await crossing('a@x.example', 'b@x.example', record)).toHaveLength(2);
  });
});
