// When turns are, as lists.
import { describe, expect, it } from 'vitest';
import {
  howMany,
  nextTurn,
  partOf,
  type Spacing,
  sharedSpacingOf,
  spacingOf,
} from '../../../relay/upstreams/spacing.ts';

/** When those who ask at these times go. */
function turns(spacing: Spacing, asked: readonly number[]): number[] {
  let nextAt = Number.NEGATIVE_INFINITY;
  return asked.map(now => {
    const turn = nextTurn(nextAt, now, spacing);
    nextAt = turn.nextAt;
    return Math.max(now, turn.startsAt);
  });
}

describe('turns', () => {
  it.each<[string, Spacing, number[], number[]]>([
    ['a burst of a second at once, then one an interval', spacingOf(4), [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 250, 500]],
    [
      'no more than that after the longest pause',
      spacingOf(2),
      [0, 0, 0, 90_000, 90_000, 90_000],
      [0, 0, 500, 90_000, 90_000, 90_500],
    ],
    ['no less than has gathered since', spacingOf(2), [0, 0, 0, 1_000, 1_000], [0, 0, 500, 1_000, 1_500]],
    ['one by one below one a second', spacingOf(0.5), [0, 0, 5_000, 5_000], [0, 2_000, 5_000, 7_000]],
    ['three quarters of the burst where turns may be used late', sharedSpacingOf(4), [0, 0, 0, 0], [0, 0, 0, 250]],
    ['a part of it, and no burst, on one’s own', partOf(spacingOf(4), 3), [0, 0, 9_000, 9_000], [0, 750, 9_000, 9_750]],
  ])('are %s', (_what, spacing, asked, expected) => expect(turns(spacing, asked)).toEqual(expected));
});

describe('a fetch', () => {
  const at = (ratePerSecond: number, aheadMs: number) => ({ intervalMs: 1_000 / ratePerSecond, aheadMs });
  it.each<[string, number, number]>([
    ['is for the one who waits', howMany(1, { wanted: 1, withinMs: 60_000 }, at(100, 100)), 1],
    ['is for all who wait', howMany(7, { wanted: 7, withinMs: 60_000 }, at(100, 100)), 7],
    ['looks as far ahead as mail came lately', howMany(1, { wanted: 50, withinMs: 500 }, at(1_000, 100)), 11],
    ['takes the first few for no more than they are', howMany(1, { wanted: 3, withinMs: 2 }, at(1_000, 100)), 4],
    [
      'looks ahead at first as if it had been asked for ever',
      howMany(1, { wanted: 1, withinMs: Number.POSITIVE_INFINITY }, at(9, 100)),
      1,
    ],
    ['leaves something for others', howMany(500, { wanted: 500, withinMs: 100 }, at(14, 100)), 14],
    ['is for one below one a second', howMany(10, { wanted: 10, withinMs: 100 }, at(0.1, 100)), 1],
  ])('%s', (_what, count, expected) => expect(count).toBe(expected));
});
