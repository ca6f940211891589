// The way that a message takes: by the first rule that fits, groups in order, members of a group in turn.
import { describe, expect, it } from 'vitest';
import type { MessageFacts } from '../../../relay/routing/match.ts';
import { inTurn, Router } from '../../../relay/routing/router.ts';
import { type RouteRule, routeGroups, routeRule } from '../../../src/platform/route-rules.ts';

const MESSAGE: MessageFacts = {
  ...{ tenantId: 'default', credentialName: 'shop', stream: 'bulk', tags: [], reversePath: 'a@example.com' },
  headerFrom: null,
};
const UPSTREAMS = ['ses', 'mailgun', 'postmark'];
const rule = (name: string, when: object, to: string): RouteRule => routeRule.parse({ name, when, to });
const router = (...rules: RouteRule[]) => new Router(UPSTREAMS, rules, () => 0);
const routeOf = (to: Router, recipient = 'x@example.net') => to.routeOf(MESSAGE, recipient);

describe('a route', () => {
  it('without rules has all upstreams in their order', () => {
    expect(routeOf(router())).toEqual({ name: 'default', upstreams: UPSTREAMS });
  });

  it('is that of the first rule that fits', () => {
    const rules = [
      rule('code', { tag: 'otp' }, 'ses'),
      rule('bulk', { stream: 'bulk' }, 'mailgun, ses'),
      rule('all', {}, 'ses'),
    ];
    expect(routeOf(router(...rules))).toEqual({ name: 'bulk', upstreams: ['mailgun', 'ses'] });
  });

  it('leaves out what is no upstream any more, and a rule of which nothing is left', () => {
    expect(routeOf(router(rule('bulk', {}, 'gone*5 + ses, mailgun')))).toEqual({
      name: 'bulk',
      upstreams: ['ses', 'mailgun'],
    });
    expect(routeOf(router(rule('bulk', {}, 'gone')))).toEqual({ name: 'default', upstreams: UPSTREAMS });
  });

  it('is never one behind a rule for everything: those have no mail, and no fallback to tell of', () => {
    const rules = [
      rule('bulk', { stream: 'bulk' }, 'ses'),
      rule('rest', {}, 'mailgun'),
      rule('late', { tag: 'x' }, 'ses'),
    ];
    expect(router(...rules).rules.map(({ name }) => name)).toEqual(['bulk', 'rest']);
    expect(router(rules[0]!).rules.map(({ name }) => name)).toEqual(['bulk', 'default']);
  });

  it('is that of the new rules once they are replaced', () => {
    const one = router(rule('bulk', {}, 'mailgun'));
    one.replace(['mailgun', 'spare'], []);
    expect(routeOf(one)).toEqual({ name: 'default', upstreams: ['mailgun', 'spare'] });
  });

  it('is one for all recipients, unless a rule asks for them', () => {
    const recipients = ['a@gmail.com', 'b@example.net', 'c@gmail.com'];
    expect(router(rule('bulk', { stream: 'bulk' }, 'mailgun')).split(MESSAGE, recipients)).toEqual([
      { route: { name: 'bulk', upstreams: ['mailgun'] }, indexes: [0, 1, 2] },
    ]);
    expect(router(rule('gmail', { 'recipient-domain': 'gmail.com' }, 'postmark')).split(MESSAGE, recipients)).toEqual([
      { route: { name: 'gmail', upstreams: ['postmark'] }, indexes: [0, 2] },
      { route: { name: 'default', upstreams: UPSTREAMS }, indexes: [1] },
    ]);
  });
});

describe('within a group', () => {
  const groups = routeGroups.parse('ses*3 + mailgun, postmark');

  it.each([
    [0, ['ses', 'mailgun', 'postmark']],
    [0.74, ['ses', 'mailgun', 'postmark']],
    [0.75, ['mailgun', 'ses', 'postmark']],
    [0.999_999, ['mailgun', 'ses', 'postmark']],
  ])('%f draws %j', (random, expected) => {
    expect(inTurn(groups, () => random)).toEqual(expected);
  });

  it('each is first as often as its weight says, and all are there', () => {
    const draws = Array.from({ length: 400 }, (_, i) => inTurn(groups, () => i / 400));
    expect(draws.filter(([first]) => first === 'ses')).toHaveLength(300);
    expect(draws.every(order => order.length === 3 && order[2] === 'postmark')).toBe(true);
  });
});
