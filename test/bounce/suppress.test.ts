import { describe, expect, it } from 'vitest';
import type { ReportAction } from '../../bounce/report/recipient.ts';
import type { BounceReason } from '../../bounce/rules/reason.ts';
import {
  completePolicy,
  countStrikes,
  DEFAULT_POLICY,
  FAULTS,
  factOf,
  judge,
  judgeStrikes,
  type Policy,
} from '../../bounce/suppress.ts';
import type { PolicyFigures } from '../../src/store/suppression-policies.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 23);
const daysAgo = (days: number) => new Date(NOW - days * DAY);

function judged(
  reason: BounceReason,
  kind: 'hard' | 'soft' | 'none' = 'soft',
  action: ReportAction = 'failed',
  feedbackType: string | null = null,
) {
  const judgement = judge({ action, verdict: { reason, kind, rule: 'r' }, feedbackType }, DEFAULT_POLICY);
  switch (judgement.kind) {
    case 'suppress': {
      const days = judgement.forMs === null ? 'until lifted' : `${judgement.forMs / DAY} d`;
      return `${judgement.reason}, ${days}${judgement.onlyItsStream ? ', its stream' : ''}`;
    }
    default:
      return judgement.kind;
  }
}

describe('a final failure', () => {
  it.each<[BounceReason, string]>([
    ['no_mailbox', 'hard-bounce, 90 d'],
    ['moved', 'hard-bounce, 90 d'],
    ['no_domain', 'hard-bounce, 90 d'],
    ['no_mail_service', 'hard-bounce, 90 d'],
  ])('of an address that is bad (%s) suppresses it: %s', (reason, expected) => {
    expect(judged(reason, 'hard')).toBe(expected);
    expect(judged(reason, 'hard', 'expired')).toBe(expected);
    // The classifier is not sure that it is dead: the name server had a bad day.
    expect(judged(reason, 'soft')).toBe('nothing');
  });

  it.each<[BounceReason, string]>([
    ['mailbox_full', 'strike'],
    ['mailbox_disabled', 'strike'],
    ['filtered', 'strike'],
    ['restricted', 'nothing'],
    ['spam', 'alarm'],
    ['virus', 'alarm'],
    ['policy', 'alarm'],
    ['security', 'alarm'],
    ['auth_failure', 'alarm'],
    ['reputation', 'alarm'],
    ['no_ptr', 'alarm'],
    ['sender_rejected', 'alarm'],
    ['relay_denied', 'alarm'],
    ['rate_limited', 'alarm'],
    ['message_too_big', 'nothing'],
    ['content_rejected', 'nothing'],
    ['noncompliant', 'nothing'],
    ['greylisted', 'nothing'],
    ['network', 'nothing'],
    ['expired', 'nothing'],
    ['system', 'nothing'],
    ['protocol', 'nothing'],
    ['unknown', 'nothing'],
  ])('for %s is a reason for: %s', (reason, expected) => expect(judged(reason)).toBe(expected));

  it('has an answer for every reason that the classifier knows', () => {
    const tested = Object.keys(FAULTS);
    expect(tested).toHaveLength(30);
    for (const reason of tested as BounceReason[]) expect(judged(reason, 'soft')).toMatch(/^(strike|alarm|nothing)$/);
  });
});

describe('no final failure', () => {
  it.each<ReportAction>(['delayed', 'delivered', 'relayed', 'expanded', 'auto-reply'])(
    '(%s) is a reason for nothing, whatever it says',
    action => {
      for (const reason of Object.keys(FAULTS) as BounceReason[])
        expect(judged(reason, 'hard', action)).toBe('nothing');
    },
  );
});

describe('what a provider took and did not send', () => {
  it.each<[BounceReason, string]>([
    ['virus', 'alarm'],
    ['spam', 'alarm'],
    ['unknown', 'nothing'],
    ['no_mailbox', 'nothing'],
    ['mailbox_full', 'nothing'],
  ])('for %s: %s', (reason, expected) => expect(judged(reason, 'hard', 'rejected')).toBe(expected));
});

describe('feedback', () => {
  it.each<[string | null, BounceReason, string]>([
    ['abuse', 'complaint', 'complaint, until lifted, its stream'],
    ['Abuse', 'complaint', 'complaint, until lifted, its stream'],
    ['fraud', 'complaint', 'complaint, until lifted, its stream'],
    [null, 'complaint', 'complaint, until lifted, its stream'],
    ['opt-out', 'complaint', 'unsubscribe, until lifted, its stream'],
    ['auth-failure', 'auth_failure', 'alarm'],
    ['not-spam', 'complaint', 'nothing'],
    ['virus', 'complaint', 'nothing'],
    ['dmarc', 'complaint', 'nothing'],
  ])('of type %s (%s): %s', (type, reason, expected) => {
    expect(judged(reason, 'none', 'complaint', type)).toBe(expected);
  });
});

describe('what is counted', () => {
  it.each<[ReportAction, BounceReason, string | null]>([
    ['failed', 'no_mailbox', 'bounced'],
    ['expired', 'network', 'bounced'],
    ['delayed', 'mailbox_full', 'delayed'],
    ['delivered', 'delivered', 'confirmed'],
    ['relayed', 'delivered', null],
    ['expanded', 'delivered', null],
    ['complaint', 'complaint', 'complained'],
    ['complaint', 'auth_failure', null],
    ['auto-reply', 'auto_reply', null],
    ['rejected', 'unknown', null],
  ])('%s (%s) is %s', (action, reason, fact) => {
    expect(factOf({ action, verdict: { reason, kind: 'none', rule: 'r' }, feedbackType: null })).toBe(fact);
  });
});

describe('strikes', () => {
  const strike = (toldDaysAgo: number, acceptedDaysAgo = toldDaysAgo) => ({
    at: daysAgo(toldDaysAgo),
    acceptedAt: daysAgo(acceptedDaysAgo),
  });

  it.each([
    ['the first', [], null, 1],
    ['two in a row', [strike(3)], null, 2],
    ['three in a row', [strike(3), strike(5)], null, 3],
    ['one of them older than two weeks', [strike(3), strike(15)], null, 2],
    ['exactly two weeks old', [strike(14)], null, 2],
    ['a success since then', [strike(5), strike(3)], daysAgo(1), 1],
    ['a success between', [strike(5), strike(3)], daysAgo(4), 2],
    ['a success before', [strike(5), strike(3)], daysAgo(6), 3],
    ['told late of a message older than the success', [strike(1, 6)], daysAgo(4), 1],
  ])('%s', (_what, earlier, success, expected) => {
    expect(countStrikes(earlier, success, NOW, DEFAULT_POLICY)).toBe(expected);
  });

  it.each([
    ['the default', 14, 2],
    ['a day less than the older one needs', 4, 1],
    ['just as long as the older one needs', 5, 2],
  ])('within %s (%i days)', (_what, days, earlier) => {
    const policy = { ...DEFAULT_POLICY, strikesWithinMs: days * DAY };
    expect(countStrikes([strike(3), strike(5)], null, NOW, policy)).toBe(earlier + 1);
  });

  it.each<[count: number, set: Partial<Policy>, expected: string, forMs: number | null]>([
    [2, {}, 'full, strike 2 of 3 in 14 days', null],
    [3, {}, 'full, 3 strikes in 14 days, for 30 days', 30 * DAY],
    [4, {}, 'full, 4 strikes in 14 days, for 30 days', 30 * DAY],
    [3, { strikes: 5 }, 'full, strike 3 of 5 in 14 days', null],
    [1, { strikes: 1 }, 'full, 1 strike in 14 days, for 30 days', 30 * DAY],
    [2, { strikes: 2, strikesWithinMs: DAY, strikesForMs: DAY }, 'full, 2 strikes in 1 day, for 1 day', DAY],
    [1, { strikesWithinMs: 1.5 * DAY }, 'full, strike 1 of 3 in 1d 12h', null],
  ])('%i, where %j', (count, set, rule, forMs) => {
    const policy = { ...DEFAULT_POLICY, ...set };
    const suppress = { kind: 'suppress', reason: 'soft-bounces', forMs, onlyItsStream: false, rule };
    expect(judgeStrikes('full', count, policy)).toEqual(forMs === null ? { kind: 'strike', rule } : suppress);
  });
});

describe('a policy', () => {
  const SET = { hardForMs: 7 * DAY, strikes: 2, strikesWithinMs: DAY, strikesForMs: 2 * DAY };
  const NOTHING = { hardForMs: null, strikes: null, strikesWithinMs: null, strikesForMs: null };

  it.each<[string, PolicyFigures | null, Policy]>([
    ['no row', null, DEFAULT_POLICY],
    ['a row that sets nothing', NOTHING, DEFAULT_POLICY],
    ['a row that sets everything', SET, SET],
    ['a row that sets one figure', { ...NOTHING, strikes: 9 }, { ...DEFAULT_POLICY, strikes: 9 }],
    ['never', { ...NOTHING, hardForMs: 'never' }, { ...DEFAULT_POLICY, hardForMs: 'never' }],
  ])('of %s', (_what, row, expected) => expect(completePolicy(row)).toEqual(expected));

  it('has these defaults', () =>
    expect(DEFAULT_POLICY).toEqual({
      ...{ hardForMs: 90 * DAY, strikes: 3 },
      ...{ strikesWithinMs: 14 * DAY, strikesForMs: 30 * DAY },
    }));

  const dead = (hardForMs: Policy['hardForMs'], reason: BounceReason = 'no_mailbox') =>
    judge(
      { action: 'failed', verdict: { reason, kind: 'hard', rule: 'r' }, feedbackType: null },
      { ...DEFAULT_POLICY, hardForMs },
    );

  it.each<[Policy['hardForMs'], string, number | null]>([
    [90 * DAY, 'address-is-bad: no_mailbox, for 90 days', 90 * DAY],
    [DAY, 'address-is-bad: no_mailbox, for 1 day', DAY],
    [12 * 3_600_000, 'address-is-bad: no_mailbox, for 12h', DAY / 2],
    ['never', 'address-is-bad: no_mailbox, never suppressed', null],
  ])('by which a dead address is suppressed for %s', (hardFor, rule, forMs) => {
    const suppress = { kind: 'suppress', reason: 'hard-bounce', forMs, onlyItsStream: false, rule };
    expect(dead(hardFor)).toEqual(forMs === null ? { kind: 'nothing', rule } : suppress);
  });

  it('by which hard bounces never suppress still hears complaints, strikes and alarms', () => {
    expect(dead('never', 'mailbox_full').kind).toBe('strike');
    expect(dead('never', 'spam').kind).toBe('alarm');
    const verdict = { reason: 'complaint', kind: 'none', rule: 'r' } as const;
    const complaint = { action: 'complaint', verdict, feedbackType: 'abuse' } as const;
    expect(judge(complaint, { ...DEFAULT_POLICY, hardForMs: 'never' })).toMatchObject({
      kind: 'suppress',
      forMs: null,
    });
  });
});
