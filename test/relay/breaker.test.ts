import { describe, expect, it } from 'vitest';
import {
  admits,
  answered,
  type Breaker,
  begun,
  type Cause,
  CLOSED,
  followed,
  gaveUp,
  holdMs,
  isOpen,
  type Lesson,
  learned,
  looking,
  pauseMs,
  RECENT,
  type Shared,
  tried,
} from '../../relay/upstreams/breaker.ts';

const WELL: Lesson = { kind: 'well' };
const TROUBLED: Lesson = { kind: 'troubled', error: '454 Throttling failure', retryAfterMs: null };
const down = (cause: Cause = 'unreachable', error = 'ECONNREFUSED', retryAfterMs: number | null = null): Lesson => ({
  ...{ kind: 'down', error, cause, retryAfterMs },
});

/** One lesson a second, by mail that is no trial. */
function taught(lessons: readonly Lesson[], from: Breaker = CLOSED): Breaker {
  return lessons.reduce((breaker, lesson, i) => learned(breaker, lesson, 1_000 * (i + 1)), from);
}

/** Opened by the first; each other one is what a look or a trial met with. */
function lookedAt([first, ...others]: readonly Lesson[]): Breaker {
  return others.reduce((breaker, lesson, i) => tried(looking(breaker), lesson, 1_000 * (i + 2)), taught([first!]));
}

const times = (count: number, lesson: Lesson) => Array.from({ length: count }, () => lesson);

describe('the breaker of an upstream', () => {
  it('is closed at first and lets everything through', () => {
    expect([isOpen(CLOSED), admits(CLOSED), begun(CLOSED)]).toEqual([false, true, CLOSED]);
  });

  it('opens at the first failure and keeps when that was, and what was said last', () => {
    const breaker = lookedAt([down('unreachable', 'one'), down('unreachable', 'two'), down('login-refused', 'three')]);
    expect(admits(breaker)).toBe(false);
    expect(breaker).toMatchObject({ failures: 3, openedAt: 1_000, lastError: 'three', cause: 'login-refused' });
  });

  it.each<[Cause, number[]]>([
    ['unreachable', [500, 1_000, 2_000, 4_000, 4_000, 4_000]],
    ['login-refused', [500, 1_000, 2_000, 4_000, 8_000, 16_000]],
    ['error-rate', [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]],
  ])('looks again after pauses that grow: %s', (cause, pauses) => {
    expect(pauses.map((_, i) => pauseMs(lookedAt(times(i + 1, down(cause)))))).toEqual(pauses);
    expect(pauseMs(lookedAt(times(500, down(cause))))).toBe({ unreachable: 4_000 }[cause as string] ?? 60_000);
  });

  it('waits as long as it was told, an hour at most, and never less than its own first pause', () => {
    const told = (ms: number) => pauseMs(taught([down('account-closed', 'probation', ms)]));
    expect([told(341_000), told(1), told(86_400_000)]).toEqual([341_000, 30_000, 3_600_000]);
  });

  it('lets one delivery go once a look was answered, and no other until that one has told', () => {
    const onTrial = answered(looking(taught([down()])));
    expect(admits(looking(taught([down()])))).toBe(false);
    expect(admits(onTrial)).toBe(true);
    expect(admits(begun(onTrial))).toBe(false);
    expect(admits(tried(begun(onTrial), down(), 9_000))).toBe(false);
    expect(admits(answered(begun(onTrial)))).toBe(true);
    expect(admits(gaveUp(onTrial))).toBe(false);
  });

  it('is not opened by an answer', () => {
    expect([answered(CLOSED), looking(CLOSED), gaveUp(CLOSED)]).toEqual([CLOSED, CLOSED, CLOSED]);
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
    expect(tried(begun(answered(open)), WELL, 50_000)).toBe(CLOSED);
  });

  it('waits longer after each trial that fails', () => {
    const again = tried(begun(answered(open)), TROUBLED, 50_000);
    expect(again).toMatchObject({ failures: 2, trial: 'no', cause: open.cause, openedAt: open.openedAt });
    expect(pauseMs(again)).toBe(2 * pauseMs(open));
  });

  it('leaves the trial alone while mail that was under way before tells what it met with', () => {
    const onTrial = begun(answered(open));
    for (const lesson of [WELL, TROUBLED, down()]) expect(taught([lesson], onTrial)).toBe(onTrial);
  });
});

it.each<Cause>(['unreachable', 'login-refused', 'account-closed'])(
  'hears the same ten times at once, and counts it once: %s',
  cause => {
    expect(taught(times(10, down(cause)))).toMatchObject({ failures: 1 });
  },
);

it('learns from a trial as from any mail, once somebody else has closed it', () => {
  expect(tried(CLOSED, down(), 7_000)).toMatchObject({ failures: 1, openedAt: 7_000 });
  expect(tried(CLOSED, WELL, 7_000)).toEqual(learned(CLOSED, WELL, 7_000));
});

describe('opened by hand', () => {
  const byHand = followed(CLOSED, { failures: 1, cause: 'by-hand', lastError: 'maintenance', openedAt: 5_000 }, false);

  it('admits nothing, is not looked at, and is closed by nothing that mail tells', () => {
    expect([isOpen(byHand), admits(byHand)]).toEqual([true, false]);
    for (const change of [looking, answered]) expect(change(byHand)).toBe(byHand);
    for (const lesson of [WELL, TROUBLED, down()]) {
      expect(learned(byHand, lesson, 9_000)).toBe(byHand);
      expect(tried(byHand, lesson, 9_000)).toBe(byHand);
    }
    expect(pauseMs(byHand)).toBe(Number.POSITIVE_INFINITY);
  });

  it('takes the trial from whoever has it', () => {
    const onTrial = answered(looking(taught([down()])));
    expect(followed(onTrial, byHand, true)).toMatchObject({ cause: 'by-hand', trial: 'no' });
  });
});

describe('what another process made of it', () => {
  const OPEN: Shared = { failures: 3, cause: 'unreachable', lastError: 'ECONNREFUSED', openedAt: 2_000 };
  const SHUT: Shared = { ...OPEN, failures: 0, lastError: null };
  const steady = taught(times(4, TROUBLED));

  it.each<[string, Breaker, Shared, boolean, object]>([
    ['closed here and there: its own answers are still counted', steady, SHUT, false, steady],
    ['opened there', steady, OPEN, false, { ...OPEN, trial: 'no', recent: [] }],
    ['closed there', taught([down()]), SHUT, false, CLOSED],
    ['opened there for more', taught([down('error-rate')]), OPEN, false, { ...OPEN, trial: 'no' }],
    ['open, and looked at here', looking(taught([down()])), OPEN, true, { ...OPEN, trial: 'looking' }],
    ['open, and tried here', begun(answered(taught([down()]))), OPEN, true, { ...OPEN, trial: 'running' }],
    ['open, and the trial is another one’s now', answered(taught([down()])), OPEN, false, { ...OPEN, trial: 'no' }],
    ['opened there, with a trial left to us', CLOSED, OPEN, true, { ...OPEN, trial: 'no' }],
  ])('%s', (_what, here, there, hasTrial, expected) => {
    expect(followed(here, there, hasTrial)).toMatchObject(expected);
  });
});

it('is held for longer by who has no mail, each time that it was handed on unused', () => {
  expect([0, 1, 2, 3, 8, 9, 100].map(holdMs)).toEqual([2_000, 4_000, 8_000, 16_000, 512_000, 600_000, 600_000]);
});
