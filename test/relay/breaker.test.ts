import { describe, expect, it } from 'vitest';
import {
  admits,
  answered,
  type Breaker,
  begun,
  CLOSED,
  failed,
  isOpen,
  pauseMs,
} from '../../relay/upstreams/breaker.ts';

function afterFailures(count: number): Breaker {
  let breaker = CLOSED;
  for (let i = 0; i < count; i += 1) breaker = failed(breaker, 1_000 + i, `error ${i}`);
  return breaker;
}

describe('the breaker of an upstream', () => {
  it('is closed at first and lets everything through', () => {
    expect([isOpen(CLOSED), admits(CLOSED), begun(CLOSED)]).toEqual([false, true, CLOSED]);
  });

  it('opens at the first failure and keeps when that was, and what was said last', () => {
    const breaker = afterFailures(3);
    expect(admits(breaker)).toBe(false);
    expect(breaker).toEqual({ failures: 3, trial: 'no', openedAt: 1_000, lastError: 'error 2', isLoginRefused: false });
  });

  it('looks again after 0.5, 1, 2, 4 s, and every 4 s from then on', () => {
    expect([1, 2, 3, 4, 5, 50].map(count => pauseMs(afterFailures(count)))).toEqual([
      500, 1_000, 2_000, 4_000, 4_000, 4_000,
    ]);
  });

  it('looks less and less often where the login is refused: providers lock accounts for less', () => {
    const refused = (count: number) => failed(afterFailures(count - 1), 9_000, '535 5.7.8 no', true);
    expect([1, 4, 5, 8, 50].map(count => pauseMs(refused(count)))).toEqual([500, 4_000, 8_000, 60_000, 60_000]);
  });

  it('lets one delivery go once a look was answered, and no other until that one has told', () => {
    const onTrial = answered(afterFailures(2));
    expect(admits(onTrial)).toBe(true);
    expect(admits(begun(onTrial))).toBe(false);
    expect(admits(failed(begun(onTrial), 9_000, 'again'))).toBe(false);
    expect(admits(answered(begun(onTrial)))).toBe(true);
  });

  it('is not opened by an answer', () => {
    expect(answered(CLOSED)).toBe(CLOSED);
  });
});
