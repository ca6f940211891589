import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration, retrySchedule } from '../../src/platform/duration.ts';

describe('a duration', () => {
  it.each([
    ['100ms', 100],
    ['90s', 90_000],
    ['15m', 900_000],
    ['48h', 172_800_000],
    ['5d', 432_000_000],
    [' 1m ', 60_000],
    ['0s', 0],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '5', 'm', '-1m', '1.5h', '1 m', '1M', '1w', '1m30s', '9999999999s'])('%j is none', text => {
    expect(parseDuration(text)).toBeNull();
  });

  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [90_000, '1m 30s'],
    [3_600_000, '1h'],
    [90_061_000, '1d 1h'],
  ])('%d ms is shown as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it('is always shown as something', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), ms =>
        /^\d+(ms|[smhd])( \d+[smhd])?$/.test(formatDuration(ms)),
      ),
    );
  });
});

describe('a retry schedule', () => {
  it.each([
    ['1m,5m,1h*', { stepsMs: [60_000, 300_000, 3_600_000], lastRepeats: true }],
    ['30s', { stepsMs: [30_000], lastRepeats: false }],
    [' 1m , 2m* ', { stepsMs: [60_000, 120_000], lastRepeats: true }],
  ])('%s', (text, expected) => expect(retrySchedule.parse(text)).toEqual(expected));

  it.each(['', '*', '1m,', '1m,x', '0s', '1m*,2m', '1m;2m'])('%j is none', text => {
    expect(retrySchedule.safeParse(text).success).toBe(false);
  });
});
