import { describe, expect, it } from 'vitest';
import {
  admits,
  answered,
  type Breaker,
  begun,
  type Cause,
  CLOSED,
  isOpen,
  type Lesson,
  learned,
  pauseMs,
  RECENT,
} from '../../relay/upstreams/breaker.ts';

const WELL: Lesson = { kind: 'well' };
const TROUBLED: Lesson = { kind: 'troubled', error: '454 Throttling failure', retryAfterMs: null };
const down = (cause: Cause = 'unreachable', error = 'ECONNREFUSED', retryAfterMs: number | null = null): Lesson => ({
  ...{ kind: 'down', error, cause, retryAfterMs },
});

/** One lesson a second. */
function taught(lessons: readonly Lesson[], from: Breaker = CLOSED): Breaker {
  return lessons.reduce((breaker, lesson, i) => learned(breaker, lesson, 1_000 * (i + 1)), from);
}

const times = (count: number, lesson: Lesson) => Array.from({ length: count }, () => lesson);

describe('the breaker of an upstream', () => {
  it('is closed at first and lets everything through', () => {
    expect([isOpen(CLOSED), admits(CLOSED), begun(CLOSED)]).toEqual([false, true, CLOSED]);
  });

  it('opens at the first failure and keeps when that was, and what was said last', () => {
    const breaker = taught([down('unreachable', 'one'), down('unreachable', 'two'), down('login-refused', 'three')]);
    expect(admits(breaker)).toBe(false);
    expect(breaker).toMatchObject({ failures: 3, openedAt: 1_000, lastError: 'three', cause: 'login-refused' });
  });

  it.each<[Cause, number[]]>([
    ['unreachable', [500, 1_000, 2_000, 4_000, 4_000, 4_000]],
    ['login-refused', [500, 1_000, 2_000, 4_000, 8_000, 16_000]],
    ['error-rate', [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]],
  ])('looks again after pauses that grow: %s', (cause, pauses) => {
    expect(pauses.map((_, i) => pauseMs(taught(times(i + 1, down(cause)))))).toEqual(pauses);
    expect(pauseMs(taught(times(500, down(cause))))).toBe({ unreachable: 4_000 }[cause as string] ?? 60_000);
  });

  it('waits as long as it was told, an hour at most, and never less than its own first pause', () => {
    const told = (ms: number) => pauseMs(taught([down('account-closed', 'probation', ms)]));
    expect([told(341_000), told(1), told(86_400_000)]).toEqual([341_000, 30_000, 3_600_000]);
  });

  it('lets one delivery go once a look was answered, and no other until that one has told', () => {
    const onTrial = answered(taught(times(2, down())));
    expect(admits(onTrial)).toBe(true);
    expect(admits(begun(onTrial))).toBe(false);
    expect(admits(taught([down()], begun(onTrial)))).toBe(false);
    expect(admits(answered(begun(onTrial)))).toBe(true);
  });

  it('is not opened by an answer', () => {
    expect(answered(CLOSED)).toBe(CLOSED);
  });

  it('closes with any delivery that gets through to one that was unreachable', () => {
    expect(taught([down(), WELL])).toBe(CLOSED);
    expect(isOpen(taught([down(), TROUBLED]))).toBe(false);
  });
});

describe('its circuit opens by the share of answers that were its own trouble', () => {
  it.each<[string, Lesson[], boolean]>([
    ['nine of nine: too few to tell', times(9, TROUBLED), false],
    ['ten of ten', times(10, TROUBLED), true],
    ['five of ten', [...times(5, WELL), ...times(5, TROUBLED)], true],
    ['four of ten', [...times(6, WELL), ...times(4, TROUBLED)], false],
    ['nine behind twenty that were well', [...times(RECENT, WELL), ...times(9, TROUBLED)], false],
    ['ten behind twenty that were well', [...times(RECENT, WELL), ...times(10, TROUBLED)], true],
    ['ten behind a thousand that were well', [...times(1_000, WELL), ...times(10, TROUBLED)], true],
    ['one in three, for ever', times(300, WELL).map((_, i) => (i % 3 ? WELL : TROUBLED)), false],
    ['what is long ago', [...times(4, TROUBLED), ...times(16, WELL), ...times(9, TROUBLED)], false],
    ['hundreds that were well', times(500, WELL), false],
  ])('%s', (_what, lessons, open) => {
    expect(isOpen(taught(lessons))).toBe(open);
  });

  it('and says how many, and the last', () => {
    expect(taught([...times(RECENT, WELL), ...times(10, TROUBLED)])).toMatchObject({
      ...{ cause: 'error-rate', failures: 1, openedAt: 30_000 },
      lastError: '10 of the last 20 answers were its own trouble, the last: 454 Throttling failure',
    });
  });

  it('keeps nothing anew for one that is always well', () => {
    const full = taught(times(RECENT, WELL));
    expect(taught([WELL], full)).toBe(full);
  });
});

describe.each<[string, Breaker]>([
  ['its answers', taught(times(10, TROUBLED))],
  ['the account', taught([down('account-closed', '554 Sending paused for this account.')])],
])('open for %s', (_what, open) => {
  it('is not closed, nor made worse, by what was under way before', () => {
    expect(taught([WELL], open)).toBe(open);
    expect(taught([TROUBLED], open)).toBe(open);
  });

  it('is closed by its trial', () => {
    expect(taught([WELL], begun(answered(open)))).toBe(CLOSED);
  });

  it('waits longer after each trial that fails', () => {
    const again = taught([TROUBLED], begun(answered(open)));
    expect(again).toMatchObject({ failures: 2, trial: 'no', cause: open.cause });
    expect(pauseMs(again)).toBe(2 * pauseMs(open));
  });
});

it('hears the same of an account ten times at once, and counts it once', () => {
  expect(taught(times(10, down('account-closed')))).toMatchObject({ failures: 1 });
});
