// The pace of one upstream kept by two processes over one database, and by one that has lost it.
import type { Pool } from 'pg';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { SharedTurns } from '../../../relay/upstreams/shared-turns.ts';
import { sharedSpacingOf, spacingOf } from '../../../relay/upstreams/spacing.ts';
import type { GrantedTurns } from '../../../src/store/turns.ts';
import { cloneDatabase } from '../../support/database.ts';
import { mostTooMany } from '../../support/turns.ts';
import { NEVER } from './support.ts';

const database = await cloneDatabase();
afterAll(() => database.drop());

/** The database, with what it granted written down; `fails` makes it go away. */
function listening() {
  const granted: GrantedTurns[] = [];
  const heard = { granted, fails: false, pool: null as unknown as Pool };
  const query = async (statement: { name?: string; text: string; values: unknown[] }, values?: unknown[]) => {
    if (heard.fails) throw new Error('the database is away');
    const result = await database.pool.query(statement, values);
    if (statement.name === 'take-turns' && result.rows[0]) granted.push(result.rows[0] as GrantedTurns);
    return result;
  };
  heard.pool = { query } as unknown as Pool;
  return heard;
}

const all = (turns: SharedTurns, count: number) => Promise.all(Array.from({ length: count }, () => turns.next(NEVER)));

describe('turns that are shared', () => {
  it('exceed the rate in no window, although two processes take them', async () => {
    const rate = 200;
    const spacing = sharedSpacingOf(rate);
    const heard = listening();
    const processOf = () => new SharedTurns({ pool: heard.pool, neighbours: { count: 2 }, upstream: 'two', spacing });
    const [one, other] = [processOf(), processOf()];
    const used = (await Promise.all([all(one, 120), all(other, 60), all(one, 40)])).flat();
    const times = heard.granted
      .flatMap(({ granted, firstAt }) => Array.from({ length: granted }, (_, i) => firstAt + i * spacing.intervalMs))
      .sort((a, b) => a - b);
    expect(used).toHaveLength(220);
    expect(times.length).toBeGreaterThanOrEqual(220);
    expect(mostTooMany(times, rate, 150)).toBeLessThanOrEqual(0);
  });

  it('are fetched in handfuls, for all who wait and some who will', async () => {
    const heard = listening();
    const turns = new SharedTurns({
      ...{ pool: heard.pool, neighbours: { count: 1 }, upstream: 'handful' },
      spacing: spacingOf(10_000),
    });
    for (let i = 0; i < 5; i += 1) await all(turns, 500);
    expect(heard.granted.length).toBeLessThan(10);
  });

  it('that nobody used in time go to others, and then to nobody', async () => {
    const heard = listening();
    const turns = new SharedTurns({
      ...{ pool: heard.pool, neighbours: { count: 2 }, upstream: 'unused' },
      spacing: spacingOf(1_000),
    });
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const first = await turns.next(NEVER);
      turns.putBack(first);
      vi.advanceTimersByTime(200);
      expect([await turns.next(NEVER), heard.granted.length]).toEqual([first, 1]);
      turns.putBack(first);
      vi.advanceTimersByTime(300);
      expect(await turns.next(NEVER)).toBeGreaterThan(first);
      expect(heard.granted).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it('are given to nobody who has gone', async () => {
    const heard = listening();
    const turns = new SharedTurns({
      ...{ pool: heard.pool, neighbours: { count: 2 }, upstream: 'gone' },
      spacing: spacingOf(1_000),
    });
    const abort = new AbortController();
    const leaves = turns.next(abort.signal);
    const stays = turns.next(NEVER);
    abort.abort(new Error('shutting down'));
    await expect(leaves).rejects.toThrow('shutting down');
    expect(await stays).toEqual(expect.any(Number));
  });

  it('are a part of the rate without the database, and no burst', async () => {
    const heard = listening();
    heard.fails = true;
    const turns = new SharedTurns({
      ...{ pool: heard.pool, neighbours: { count: 4 }, upstream: 'away' },
      spacing: spacingOf(100),
    });
    const times = (await all(turns, 6)).sort((a, b) => a - b);
    expect(mostTooMany(times, 25, 1)).toBeLessThanOrEqual(0);
  });
});
