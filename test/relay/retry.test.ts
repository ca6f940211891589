import { describe, expect, it } from 'vitest';
import { nextStep, type Situation } from '../../relay/retry.ts';
import { reply } from '../../src/mail/reply.ts';
import type { AttemptResult } from '../../src/mail/upstream.ts';
import { retrySchedule } from '../../src/platform/duration.ts';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const schedule = retrySchedule.parse('1m,5m,15m,30m,1h*');
const greylisted: AttemptResult & { kind: 'refused' } = {
  kind: 'refused',
  stage: 'rcpt',
  scope: 'recipient',
  rule: 'greylisted',
  opens: false,
  slows: false,
  retryAfterMs: null,
  reply: reply(450, '4.7.1', 'Greylisted'),
};

function situation(changes: Partial<Situation>): Situation {
  return {
    result: greylisted,
    attempt: 1,
    upstreamLeft: false,
    allDown: false,
    now: NOW,
    expiresAt: NOW + 48 * HOUR,
    schedule,
    random: 0.5,
    ...changes,
  };
}

/** Every wait from the first attempt until the message is given up, in minutes. */
function life(text: string, maxAgeMs: number): { waits: number[]; end: string } {
  const waits: number[] = [];
  const of = retrySchedule.parse(text);
  for (let now = NOW, attempt = 1; ; attempt += 1) {
    const step = nextStep(situation({ now, attempt, schedule: of, expiresAt: NOW + maxAgeMs }));
    if (step.kind !== 'retryAt') return { waits, end: `${step.kind} ${step.reason}` };
    waits.push(step.delayMs / 60_000);
    now += step.delayMs;
  }
}

describe('the life of a message that is deferred each time', () => {
  it('follows 1m,5m,15m,30m, then hourly until 48 h', () => {
    expect(life('1m,5m,15m,30m,1h*', 48 * HOUR)).toEqual({
      waits: [1, 5, 15, 30, ...Array(47).fill(60), 9],
      end: 'settle too-old: recipient-deferred-at-rcpt',
    });
  });

  it('ends with a schedule that does not repeat', () => {
    expect(life('1m,5m', 48 * HOUR)).toEqual({
      waits: [1, 5],
      end: 'settle attempts-exhausted: recipient-deferred-at-rcpt',
    });
  });

  it('is cut to its age by a short one', () => {
    expect(life('1m,5m,15m*', 10 * 60_000)).toEqual({
      waits: [1, 5, 4],
      end: 'settle too-old: recipient-deferred-at-rcpt',
    });
  });

  it.each([
    [0, 54_000],
    [0.5, 60_000],
    [0.999999, 66_000],
  ])('spreads by a tenth either way: random %f', (random, delayMs) => {
    expect(nextStep(situation({ random }))).toMatchObject({ kind: 'retryAt', delayMs });
  });
});

describe('a reply that names its time', () => {
  const wait = (retryAfterMs: number, changes: Partial<Situation> = {}) => {
    const step = nextStep(situation({ result: { ...greylisted, retryAfterMs }, ...changes }));
    return step.kind === 'retryAt' ? [step.delayMs, step.asTold] : step.kind;
  };

  it.each<[string, number, Partial<Situation>, [number, boolean]]>([
    ['is obeyed, sooner than the schedule', 20_000, { random: 0 }, [20_000, true]],
    ['is obeyed, later than the schedule', 300_000, { random: 0 }, [300_000, true]],
    ['is never cut short, only made a tenth longer', 300_000, { random: 0.999_999 }, [330_000, true]],
    ['is a second at least', 1, { random: 0 }, [1_000, true]],
    ['is an hour at most', 24 * HOUR, { random: 0 }, [HOUR, true]],
    ['is not beyond the age of the message', 300_000, { expiresAt: NOW + 60_000 }, [60_000, true]],
    ['is obeyed three times when it is short', 1_000, { attempt: 3, random: 0 }, [1_000, true]],
    ['is not, from then on, sooner than the schedule', 1_000, { attempt: 4, random: 0 }, [30 * 60_000, true]],
    [
      'may be as long as the longest step',
      24 * HOUR,
      { random: 0, schedule: retrySchedule.parse('1m,4h*') },
      [4 * HOUR, true],
    ],
  ])('%s', (_what, retryAfterMs, changes, expected) => {
    expect(wait(retryAfterMs, changes)).toEqual(expected);
  });

  it('does not give a schedule that has ended another turn', () => {
    expect(wait(1_000, { attempt: 3, schedule: retrySchedule.parse('1m,5m') })).toBe('settle');
  });

  it('is not waited for while another upstream is left', () => {
    const result: AttemptResult = { ...greylisted, scope: 'upstream', retryAfterMs: 60_000 };
    expect(nextStep(situation({ result, upstreamLeft: true })).kind).toBe('tryUpstream');
  });
});

const accepted: AttemptResult = { kind: 'accepted', reply: reply(250, '2.0.0', 'ok') };
const unreachable: AttemptResult = { kind: 'unreachable', stage: 'connect', error: 'ECONNREFUSED' };
const uncertain: AttemptResult = { kind: 'uncertain', stage: 'final', error: 'connection closed' };
const refused = (scope: string, code: number): AttemptResult =>
  ({
    ...{ kind: 'refused', stage: 'mail', scope, rule: 'some-rule', opens: false, slows: false, retryAfterMs: null },
    reply: reply(code, null, ''),
  }) as AttemptResult;

describe('what follows from an attempt', () => {
  const table: [string, AttemptResult, Partial<Situation>, string][] = [
    ['accepted', accepted, {}, 'delivered'],
    ['unreachable, another upstream left', unreachable, { upstreamLeft: true }, 'next upstream'],
    ['unreachable, none left', unreachable, {}, 'retry'],
    ['unreachable, all down', unreachable, { allDown: true }, 'retry parked'],
    ['uncertain, although another upstream is left', uncertain, { upstreamLeft: true }, 'retry same'],
    ['uncertain, all down', uncertain, { allDown: true }, 'retry same'],
    ['upstream refuses for ever, another left', refused('upstream', 550), { upstreamLeft: true }, 'next upstream'],
    ['upstream refuses for ever, none left', refused('upstream', 550), {}, 'retry'],
    ['upstream defers, another left', refused('upstream', 451), { upstreamLeft: true }, 'next upstream'],
    ['upstream defers, all down', refused('upstream', 421), { allDown: true }, 'retry parked'],
    ['recipient refused for ever, another left', refused('recipient', 550), { upstreamLeft: true }, 'failed'],
    ['recipient deferred, another left', refused('recipient', 450), { upstreamLeft: true }, 'retry'],
    ['message refused for ever, another left', refused('message', 554), { upstreamLeft: true }, 'failed'],
    ['message deferred', refused('message', 451), {}, 'retry'],
    ['sender refused for ever, another left', refused('sender', 550), { upstreamLeft: true }, 'failed'],
    ['too old, another left', unreachable, { expiresAt: NOW, upstreamLeft: true }, 'next upstream'],
    ['too old, none left', unreachable, { expiresAt: NOW }, 'expired'],
    ['too old and uncertain', uncertain, { expiresAt: NOW }, 'expired'],
    ['too old, but accepted', accepted, { expiresAt: NOW - 1 }, 'delivered'],
  ];

  it.each(table)('%s', (_name, result, changes, expected) => {
    const step = nextStep(situation({ result, ...changes }));
    const said = {
      settle: () => (step.kind === 'settle' ? step.state : ''),
      tryUpstream: () => 'next upstream',
      retryAt: () =>
        step.kind === 'retryAt' ? `retry${step.sameUpstream ? ' same' : ''}${step.parked ? ' parked' : ''}` : '',
    }[step.kind]();
    expect(said).toBe(expected);
    expect(step.reason).not.toBe('');
  });
});
