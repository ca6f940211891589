// Probation in the accepting statement: one message tries an address out, whoever else comes at the same time.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Acceptance, acceptMessages } from '../../src/store/accept.ts';
import { recordProgress } from '../../src/store/deliveries.ts';
import {
  listSuppressions,
  type NewSuppression,
  putSuppressions,
  renewSuppression,
} from '../../src/store/suppressions.ts';
import { acceptance } from '../support/acceptance.ts';
import { claimSome } from '../support/claims.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
const DAY_MS = 86_400_000;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
afterEach(() => database.rows('truncate messages, contents, deliveries, attempts, events, suppressions cascade'));

const put = (changes: Partial<NewSuppression> = {}) =>
  putSuppressions(database.pool, [
    {
      ...{ address: 'a@x.example', tenantId: null, stream: null, reason: 'hard-bounce', evidence: null },
      ...{ expiresAt: new Date(Date.now() - 1_000), ...changes },
    },
  ]);
const list = () => listSuppressions(database.db, { limit: 100 });
const states = async () =>
  (await database.rows<{ state: string }>('select state from deliveries order by message_id, n')).map(
    ({ state }) => state,
  );
const accept = (...items: Acceptance[]) => acceptMessages(database.pool, items);
/** What the upstream says to whatever is due. */
async function settle(state: 'delivered' | 'failed'): Promise<void> {
  const { claimed } = await claimSome(database.pool, { which: 'due', limit: 10, holder: 'h', leaseMs: 60_000 });
  const changes = claimed.map(({ messageId, n, attempt }) => ({
    ...{ messageId, n, attempt, state, dueInMs: null, waitsFor: null, pinnedUpstream: null, keepsLease: false },
    ...{ reason: 'x', event: state, eventData: null },
  }));
  await recordProgress(database.pool, 'h', { ended: [], opened: [], changes });
}

describe('an address on probation', () => {
  it('is tried out by one of those that are accepted together; the others are suppressed', async () => {
    await put();
    const items = [acceptance(), acceptance(['b@x.example', 'a@x.example']), acceptance()];
    const results = await accept(...items);
    expect((await states()).toSorted()).toEqual(['queued', 'queued', 'suppressed', 'suppressed']);
    expect(results.map(result => result.kind === 'accepted' && result.suppressed)).toEqual([
      [],
      [{ n: 1, reason: 'hard-bounce' }],
      [{ n: 0, reason: 'hard-bounce' }],
    ]);
    expect(await list()).toMatchObject([{ probation: 'out' }]);
    expect(await database.rows('select probe_message_id as id, probe_n as n from suppressions')).toEqual([
      { id: items[0]!.message.messageId, n: 0 },
    ]);
  });

  it('is tried out by one of those that are accepted by several nodes at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      await put();
      await Promise.all([accept(acceptance()), accept(acceptance()), accept(acceptance())]);
      expect((await states()).toSorted()).toEqual(['queued', 'suppressed', 'suppressed']);
      await database.rows('truncate messages, contents, deliveries, attempts, events cascade');
    }
  });

  it('has its mail again once the probe is delivered', async () => {
    await put();
    await accept(acceptance());
    await settle('delivered');
    await accept(acceptance(), acceptance());
    expect(await states()).toEqual(['delivered', 'queued', 'queued']);
    expect(await list()).toEqual([]);
  });

  it('is suppressed for twice as long when its probe bounces', async () => {
    await put();
    const item = acceptance();
    await accept(item);
    await settle('failed');
    const { messageId } = item.message;
    const bounce = { address: 'a@x.example', tenantId: 'default', stream: null, reason: 'hard-bounce' } as const;
    await renewSuppression(database.pool, { ...bounce, evidence: 'e', forMs: DAY_MS, delivery: { messageId, n: 0 } });
    await accept(acceptance());
    expect(await states()).toEqual(['failed', 'suppressed']);
    const [suppression, ...others] = await list();
    expect([suppression!.times, others]).toEqual([2, []]);
    expect(Math.round((suppression!.expiresAt!.getTime() - Date.now()) / DAY_MS)).toBe(2);
  });

  it('is tried out again when nothing was heard of its probe', async () => {
    await put();
    await accept(acceptance());
    await database.rows(`update suppressions set expires_at = now()`);
    await accept(acceptance());
    expect(await states()).toEqual(['queued', 'queued']);
    expect(await list()).toMatchObject([{ probation: 'out', times: 1 }]);
  });

  it('is not tried out by what is held, nor by what is captured', async () => {
    await put();
    await accept(acceptance(['a@x.example'], { state: 'held', dueInMs: null }));
    await accept(acceptance(['a@x.example'], { state: 'captured', dueInMs: null }));
    expect(await states()).toEqual(['held', 'captured']);
    expect(await list()).toMatchObject([{ probation: 'due' }]);
  });

  it('stays suppressed when something else suppresses it, and that is no probe', async () => {
    await put();
    await put({ tenantId: 'default', reason: 'complaint', expiresAt: null });
    await accept(acceptance());
    expect(await states()).toEqual(['suppressed']);
    expect((await list()).map(({ probation }) => probation)).toEqual(['due', null]);
  });

  it('is tried out for every scope at once', async () => {
    await put();
    await put({ tenantId: 'default' });
    await accept(acceptance());
    expect((await list()).map(({ probation }) => probation)).toEqual(['out', 'out']);
    await settle('delivered');
    expect(await list()).toEqual([]);
  });

  it.each(['complaint', 'unsubscribe', 'manual'] as const)('is not what a %s makes when it is over', async reason => {
    await put({ reason });
    await accept(acceptance(), acceptance());
    expect(await states()).toEqual(['queued', 'queued']);
    expect(await list()).toMatchObject([{ probation: null }]);
  });
});
