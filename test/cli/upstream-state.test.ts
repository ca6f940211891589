import { describe, expect, it } from 'vitest';
import { describeRate, isFull } from '../../src/cli/upstream-state.ts';
import { parseUpstreamUrl, type UpstreamSettings } from '../../src/platform/upstream-url.ts';

describe('the rate of an upstream is shown as it was set', () => {
  it.each([
    ['14/s', '14/s'],
    ['2.5/s', '150/m'],
    ['1000/m', '1000/m'],
    ['5000/h', '5000/h'],
    ['1/h', '1/h'],
    ['0.123/s', '0.123/s'],
  ])('%s as %s', (rate, shown) => {
    expect(describeRate(upstream(`rate=${rate}`), null, 0)).toBe(shown);
  });

  it('with what a warm-up allows for the day; without either it is unlimited', () => {
    const now = Date.parse('2026-12-02T10:00:00Z');
    const state = {
      circuits: [],
      fallbacks: [],
      slowed: [],
      turns: [{ upstream: 'ses', day: '2026-12-02', used: 12 }],
    };
    const warmed = upstream('rate=14/s&warmup=2026-12-01:50:100');
    expect(describeRate(warmed, state, now)).toBe('14/s, 12 of 100 today');
    expect(describeRate(warmed, null, now)).toBe('14/s, ? of 100 today');
    expect(describeRate(upstream(''), state, now)).toBe('unlimited');
    const had = (used: number) => ({ ...state, turns: [{ upstream: 'ses', day: '2026-12-02', used }] });
    expect([99, 100].map(used => isFull(warmed, had(used), now))).toEqual([false, true]);
    expect(isFull(warmed, null, Date.parse('2026-11-30T10:00:00Z'))).toBe(true);
    expect(isFull(upstream(''), had(100), now)).toBe(false);
  });
});

function upstream(parameters: string): UpstreamSettings {
  const parsed = parseUpstreamUrl(`smtp://smtp.example.com?name=ses&${parameters}`);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}
