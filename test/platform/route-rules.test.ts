// Rules as people write them, and what is said of those that are none.
import { describe, expect, it } from 'vitest';
import {
  formatGroups,
  formatWhen,
  inForce,
  lifetimeRules,
  routeGroups,
  routeRule,
  routeRules,
} from '../../src/platform/route-rules.ts';

const problemOf = (schema: typeof routeRules | typeof lifetimeRules, rules: unknown) => {
  const parsed = schema.safeParse(typeof rules === 'string' ? rules : JSON.stringify(rules));
  return parsed.success ? null : parsed.error.issues.map(({ message }) => message).join('; ');
};

describe('upstreams of a rule', () => {
  it('are groups in order, with weights', () => {
    expect(routeGroups.parse('ses*3 + mailgun, postmark')).toEqual([
      [
        { upstream: 'ses', weight: 3 },
        { upstream: 'mailgun', weight: 1 },
      ],
      [{ upstream: 'postmark', weight: 1 }],
    ]);
  });

  it('may be a list of groups, and are told as they are written', () => {
    const groups = routeGroups.parse(['ses*3+mailgun', 'postmark']);
    expect(formatGroups(groups)).toBe('ses*3 + mailgun, then postmark');
  });

  it.each([
    ['', 'has "", which is no upstream with a weight, as in ses*3'],
    ['ses,', 'has "", which is no upstream with a weight, as in ses*3'],
    ['ses*0', 'has "ses*0", which is no upstream with a weight, as in ses*3'],
    ['ses mailgun', 'has "ses mailgun", which is no upstream with a weight, as in ses*3'],
    ['ses, mailgun + ses', 'names ses twice'],
  ])('%j is refused', (text, problem) => {
    expect(routeGroups.safeParse(text).error?.issues[0]?.message).toBe(problem);
  });
});

describe('a list of rules', () => {
  it('is read as it is written', () => {
    const [rule] = routeRules.parse(
      JSON.stringify([
        { name: 'x', when: { stream: 'bulk', 'recipient-domain': ['GMAIL.com', '*.bücher.example'] }, to: 'ses' },
      ]),
    );
    expect(rule!.when).toEqual({ stream: ['bulk'], recipientDomain: ['gmail.com', '*.xn--bcher-kva.example'] });
    expect(formatWhen(rule!.when)).toBe('stream=bulk recipient-domain=gmail.com|*.xn--bcher-kva.example');
    expect(formatWhen({})).toBe('everything');
  });

  it.each<[string, unknown, string]>([
    ['no JSON', 'bulk: ses', 'is no list of rules with name, when, to'],
    ['a map instead of the list', { bulk: 'ses' }, 'is no list of rules with name, when, to'],
    ['a word instead of a rule', ['bulk'], 'rule 1 is not made of name, when, to'],
    ['nothing behind a key', [{ name: 'a', to: null }], 'rule a, to is missing'],
    ['no name', [{ to: 'ses' }], 'rule 1, name is missing'],
    ['a number for a name', [{ name: 7, to: 'ses' }], 'rule 1, name is no name'],
    [
      'a word for when',
      [{ name: 'a', when: 'bulk', to: 'ses' }],
      'rule a, when is not made of tenant, credential, stream, sender-domain, tag, recipient-domain',
    ],
    [
      'a misspelt key',
      [{ name: 'a', when: { streams: 'bulk' }, to: 'ses' }],
      'rule a, when has streams, which means nothing here',
    ],
    ['a key beside', [{ name: 'a', to: 'ses', from: 'x' }], 'rule a has from, which means nothing here'],
    [
      'no stream',
      [{ name: 'a', when: { stream: 'otp' }, to: 'ses' }],
      'rule a, when.stream is neither transactional nor bulk',
    ],
    [
      'no domain',
      [{ name: 'a', when: { 'sender-domain': 'a@b' }, to: 'ses' }],
      'rule a, when.sender-domain is no domain, nor *. before one',
    ],
    [
      'a name twice',
      [
        { name: 'a', to: 'ses' },
        { name: 'a', to: 'ses' },
      ],
      'has two rules a',
    ],
    [
      'the name of what holds without rules',
      [{ name: 'default', to: 'ses' }],
      'rule default, name may not be default: that is what holds without a rule',
    ],
    ['nowhere to go', [{ name: 'a' }], 'rule a, to is missing'],
  ])('with %s is refused', (_, rules, problem) => {
    expect(problemOf(routeRules, rules)).toBe(problem);
  });

  it.each<[string, unknown, string]>([
    ['nothing to say', [{ name: 'a', when: { tag: 'x' } }], 'rule a says neither retry nor max-age'],
    ['no duration', [{ name: 'a', 'max-age': 'soon' }], 'rule a, max-age is not a duration'],
    ['hardly any age', [{ name: 'a', 'max-age': '9s' }], 'rule a, max-age is outside 10s-365d'],
    ['an age beyond all dates', [{ name: 'a', 'max-age': '999999999d' }], 'rule a, max-age is outside 10s-365d'],
    ['no schedule', [{ name: 'a', retry: '1m,later' }], 'rule a, retry is not a list of durations'],
    [
      "a recipient's domain, as a message has one age",
      [{ name: 'a', when: { 'recipient-domain': 'x.example' }, retry: '1m' }],
      'rule a, when has recipient-domain, which means nothing here',
    ],
  ])('of lifetimes with %s is refused', (_, rules, problem) => {
    expect(problemOf(lifetimeRules, rules)).toBe(problem);
  });
});

it('a rule set by hand stands in for that of its name in the settings', () => {
  const rule = (name: string, to: string) => routeRule.parse({ name, to });
  const [byHand, settings] = [[rule('b', 'ses')], [rule('a', 'mailgun'), rule('b', 'mailgun')]];
  expect(inForce(byHand, settings).map(({ name, to }) => [name, to[0]![0]!.upstream])).toEqual([
    ['b', 'ses'],
    ['a', 'mailgun'],
  ]);
});
