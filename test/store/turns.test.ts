// Turns at an upstream, taken by many at once. The database's own times are compared, never how long anything took.
import { afterAll, describe, expect, it } from 'vitest';
import { sharedSpacingOf } from '../../relay/upstreams/spacing.ts';
import { type GrantedTurns, giveTurnBack, readTurns, type TurnRequest, takeTurns } from '../../src/store/turns.ts';
import { cloneDatabase } from '../support/database.ts';
import { mostTooMany } from '../support/turns.ts';

const database = await cloneDatabase();
afterAll(() => database.drop());

const request = (more: Partial<TurnRequest> & { upstream: string }): TurnRequest => ({
  ...{ count: 1, intervalMs: 0, creditMs: 0, warmup: null },
  ...more,
});
const take = (more: Partial<TurnRequest> & { upstream: string }) => takeTurns(database.pool, request(more));
const timesOf = (taken: GrantedTurns, intervalMs: number) =>
  Array.from({ length: taken.granted }, (_, i) => taken.firstAt + i * intervalMs);

describe('the turns of an upstream', () => {
  it('keep to its rate in every window, whoever takes them, however many at once', async () => {
    const rate = 50;
    const spacing = sharedSpacingOf(rate);
    const takers = Array.from({ length: 8 }, async (_, taker) => {
      const times: number[] = [];
      for (let i = 0; i < 10; i += 1) {
        const count = 1 + ((taker + i) % 4);
        times.push(...timesOf(await take({ upstream: 'busy', count, ...spacing }), spacing.intervalMs));
      }
      return times;
    });
    const times = (await Promise.all(takers)).flat().sort((a, b) => a - b);
    expect(times).toHaveLength(200);
    expect(mostTooMany(times, rate, 37)).toBeLessThanOrEqual(0);
  });

  it('are in the past at first, as far as a burst goes; then they are in the future', async () => {
    const spacing = { intervalMs: 1_000, creditMs: 3_000 };
    const first = await take({ upstream: 'quiet', count: 4, ...spacing });
    const second = await take({ upstream: 'quiet', count: 2, ...spacing });
    expect(first.firstAt).toBeLessThan(first.now);
    expect(second.firstAt - first.firstAt).toBeCloseTo(4_000, 2);
    expect(second.firstAt).toBeGreaterThan(second.now);
  });

  it('are soon after a rate was raised, whatever was promised by the old one', async () => {
    await take({ upstream: 'raised', count: 3, intervalMs: 3_600_000 });
    const slow = await take({ upstream: 'raised', intervalMs: 3_600_000 });
    expect(slow.firstAt - slow.now).toBeGreaterThan(2 * 3_600_000);
    const quick = await take({ upstream: 'raised', intervalMs: 70 });
    expect(quick.firstAt - quick.now).toBeLessThanOrEqual(60_000);
  });

  it('of one have nothing to do with those of another', async () => {
    await take({ upstream: 'one', count: 100, intervalMs: 1_000 });
    const other = await take({ upstream: 'other', intervalMs: 1_000 });
    expect(other.firstAt).toBeLessThan(other.now);
    expect((await readTurns(database.pool)).filter(({ upstream }) => upstream === 'other')).toMatchObject([
      { used: 1 },
    ]);
  });

  it('are as many as a warm-up allows, to the last one, with eight who take them at once', async () => {
    const warmup = { startsOn: today(0), limits: [100, 100] };
    const takers = Array.from({ length: 8 }, async (_, taker) => {
      let got = 0;
      for (let i = 0; i < 12; i += 1) {
        const asked = 1 + ((taker + i) % 3);
        const { granted } = await take({ upstream: 'warm', count: asked, warmup });
        expect(granted).toBeLessThanOrEqual(asked);
        got += granted;
      }
      return got;
    });
    const got = await Promise.all(takers);
    expect(got.reduce((sum, each) => sum + each, 0)).toBe(100);
    await giveTurnBack(database.pool, 'warm', today(0));
    expect((await take({ upstream: 'warm', count: 5, warmup })).granted).toBe(1);
    // Of a day that is over: nothing of today's comes back.
    await giveTurnBack(database.pool, 'warm', today(-1));
    expect((await take({ upstream: 'warm', count: 5, warmup })).granted).toBe(0);
  });

  it('are counted anew on the next day of a warm-up, by that day’s number; not at all before and after it', async () => {
    const at = (startsOn: string, count: number) =>
      take({ upstream: 'days', count, warmup: { startsOn, limits: [2, 5, 9] } });
    expect(await at(today(0), 4)).toMatchObject({ granted: 2, used: 2, day: today(0) });
    await database.rows(`update upstream_turns set day = day - 1 where upstream = 'days'`);
    expect(await at(today(-1), 4)).toMatchObject({ granted: 4, used: 4 });
    expect(await at(today(-1), 4)).toMatchObject({ granted: 1, used: 5 });
    expect(await at(today(1), 4)).toMatchObject({ granted: 0 });
    expect(await at(today(-3), 4)).toMatchObject({ granted: 4 });
  });
});

/** So many days from now, by UTC. */
function today(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}
