// A way that asked for less: how fast mail goes there, as lists.
import { describe, expect, it } from 'vitest';
import { countSent, noneSent, sentPerSecond } from '../../../relay/dispatch/sent-lately.ts';
import { EMPTY_LINE, LONGEST_WAIT_MS, stepUp } from '../../../relay/dispatch/slow-line.ts';
import {
  formatRate,
  freeAt,
  isFree,
  nextAfter,
  rateAt,
  type Slowdown,
  slowed,
} from '../../../relay/dispatch/slowdown.ts';

const seconds = (n: number) => n * 1_000;
const round = (n: number) => Math.round(n * 1_000) / 1_000;

/** Rate after each refusal: [when it came, when its attempt began, what went there a second]. */
function ratesAfter(refusals: readonly [at: number, begun: number, sent: number][]): (number | null)[] {
  let known: Slowdown | null = null;
  return refusals.map(([at, begun, sent]) => {
    const refusal = { sentPerSecond: sent, begunAt: seconds(begun), reason: '421 slower' };
    const next: Slowdown | null = slowed(known, refusal, seconds(at));
    known = next ?? known;
    return next && round(next.rate);
  });
}

describe('the rate', () => {
  it.each<[string, [number, number, number][], (number | null)[]]>([
    ['is half of what went there, at the first refusal', [[100, 99, 10]], [5]],
    ['is one in ten seconds at first where hardly anything went', [[100, 99, 0.1]], [0.1]],
    [
      'is halved again by a message that was sent at it, not by those that were under way',
      [
        [100, 99, 10],
        [100.9, 100.5, 10],
        [103, 99.9, 10],
        [104, 101, 10],
        // 2.567 after four seconds: a thirtieth of a message a second more each second.
        [110, 105, 9],
      ],
      [5, null, null, 2.567, 1.383],
    ],
    [
      'is halved from what really went there, where that was less than allowed',
      [
        [100, 99, 10],
        [400, 399, 2],
      ],
      [5, 1],
    ],
    [
      'is never below one a minute',
      [
        [100, 99, 0.1],
        [102, 101, 0.1],
        [104, 103, 0.1],
        [106, 105, 0.1],
        [108, 107, 0.1],
      ],
      [0.1, 0.05, 0.025, 0.017, 0.017],
    ],
    [
      'begins anew when it was free in between',
      [
        [100, 99, 10],
        [1_000, 999, 4],
      ],
      [5, 2],
    ],
  ])('%s', (_what, refusals, rates) => expect(ratesAfter(refusals)).toEqual(rates));

  it('grows evenly to twice what it was, and is free then', () => {
    const slow = slowed(null, { sentPerSecond: 10, begunAt: 0, reason: '' }, 0)!;
    const at = [0, 60, 150, 300, 449, 450].map(seconds);
    expect(at.map(now => round(rateAt(slow, now)))).toEqual([5, 7, 10, 15, 19.967, 20]);
    expect(at.map(now => isFree(slow, now))).toEqual([false, false, false, false, false, true]);
    expect(freeAt(slow)).toBe(seconds(450));
  });

  it('is free after ten minutes at the latest', () => {
    const slow = { ...slowed(null, { sentPerSecond: 50, begunAt: 0, reason: '' }, 0)!, rate: 1 / 60 };
    expect(freeAt(slow)).toBeGreaterThan(seconds(599));
    expect(freeAt(slow)).toBeLessThan(seconds(600));
  });

  it('spaces messages out, closer and closer, each process its part', () => {
    const slow = slowed(null, { sentPerSecond: 1, begunAt: 0, reason: '' }, 0)!;
    const times = (sharers: number) => {
      const all = [0];
      while (all.length < 6) all.push(nextAfter(slow, all.at(-1)!, sharers));
      return all.map(time => round(time / 1_000));
    };
    expect(times(1)).toEqual([0, 1.987, 3.948, 5.885, 7.797, 9.687]);
    expect(times(2)).toEqual([0, 3.948, 7.797, 11.555, 15.227, 18.819]);
  });

  it.each([
    [12.34, '12/s'],
    [0.5, '0.5/s'],
    [0.05, '3/min'],
    [1 / 60, '1/min'],
  ])('of %d is written %s', (rate, text) => expect(formatRate(rate)).toBe(text));
});

describe('what went there lately', () => {
  it.each<[string, number[], number, number]>([
    ['nothing', [], 5, 0],
    ['all of the last ten seconds', [0, 1, 2, 3, 4], 5, 0.5],
    ['a part of those before', [0, 1, 2, 3, 12], 15, 0.3],
    ['nothing of long ago', [0, 1, 2, 3], 31, 0],
  ])('is %s', (_what, sent, now, perSecond) => {
    const lately = noneSent(0);
    for (const at of sent) countSent(lately, seconds(at));
    expect(round(sentPerSecond(lately, seconds(now)))).toBe(perSecond);
  });
});

describe('the line', () => {
  // One in ten seconds, and so slow to recover that it stays so.
  const slow: Slowdown = { rate: 0.1, ceiling: 1e-6, slowedAt: 0, since: 0, reason: '' };

  /** What each is told, in seconds; null = go. */
  function told(comers: readonly [at: number, hasWaited?: boolean][], sharers = 1, slowdown = slow) {
    let line = EMPTY_LINE;
    return comers.map(([at, hasWaited = false]) => {
      const step = stepUp(line, slowdown, { hasWaited, sharers }, seconds(at));
      line = step.line;
      return step.waitMs === null ? null : Math.round(step.waitMs / 1_000);
    });
  }

  it.each<[string, [number, boolean?][], (number | null)[]]>([
    ['tells each a later time', [[0], [0], [1], [1], [25]], [null, 10, 19, 29, 15]],
    ['lets those go who come when they were told', [[0], [0], [0], [10, true], [20, true]], [null, 10, 20, null, null]],
    ['forgives that they come a little late', [[0], [0], [0], [12, true], [20, true]], [null, 10, 20, null, null]],
    ['keeps their places from those who come first', [[0], [0], [0], [11], [11, true]], [null, 10, 20, 19, null]],
    ['tells those who come too early when the next may go', [[0], [0], [5, true], [5, true]], [null, 10, 5, 15]],
    ['is forgotten when nobody came for long', [[0], [0], [0], [90], [90]], [null, 10, 20, null, 10]],
    ['has no burst after a pause', [[0], [500], [500]], [null, null, 10]],
  ])('%s', (_what, comers, expected) => expect(told(comers)).toEqual(expected));

  it('is longer for one of three processes', () => {
    expect(told([[0], [0], [0]], 3)).toEqual([null, 30, 60]);
  });

  it('sends nobody away for more than ten minutes', () => {
    const waits = told(Array.from({ length: 80 }, () => [0]));
    expect(waits.slice(58)).toEqual([580, 590, ...Array(20).fill(LONGEST_WAIT_MS / 1_000)]);
  });
});

describe('a receiver that takes so much and no more', () => {
  /** An hour of as much mail as may go; each attempt takes a second. What it takes in ten seconds, and what it refuses. */
  function anHour(mostPerSecond: number) {
    const sent = noneSent(0);
    const taken: number[] = [];
    let refused = 0;
    let slowdown: Slowdown | null = null;
    let line = EMPTY_LINE;
    for (let now = 0; now < seconds(3_600); now += 20) {
      if (slowdown && !isFree(slowdown, now)) {
        const step = stepUp(line, slowdown, { hasWaited: true, sharers: 1 }, now);
        // Whoever may not go comes again; this looks at the rate only.
        if (step.waitMs !== null) continue;
        line = step.line;
      }
      countSent(sent, now);
      const lately = taken.filter(at => at > now - seconds(10)).length;
      if (lately < mostPerSecond * 10) {
        taken.push(now);
        continue;
      }
      refused += 1;
      const refusal = { sentPerSecond: sentPerSecond(sent, now), begunAt: now - 1_000, reason: '421 4.7.28' };
      slowdown = slowed(slowdown, refusal, now) ?? slowdown;
    }
    return { taken: taken.length, refused };
  }

  it.each([0.5, 2, 10])('of %d a second gets most of that, and few beyond it', mostPerSecond => {
    const { taken, refused } = anHour(mostPerSecond);
    expect(taken).toBeGreaterThan(0.7 * mostPerSecond * 3_600);
    expect(refused).toBeLessThan(0.1 * taken);
  });
});
