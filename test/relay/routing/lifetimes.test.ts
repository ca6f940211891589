// How long mail is tried, and when again.
import { expect, it } from 'vitest';
import { createLifetimes } from '../../../relay/routing/lifetimes.ts';
import type { MessageFacts } from '../../../relay/routing/match.ts';
import { retrySchedule } from '../../../src/platform/duration.ts';
import { lifetimeRules } from '../../../src/platform/route-rules.ts';

const lifetimes = createLifetimes({
  POSTERN_RETRY: retrySchedule.parse('1m,5m'),
  POSTERN_MAX_AGE: 48 * 3_600_000,
  POSTERN_LIFETIMES: lifetimeRules.parse(
    JSON.stringify([
      { name: 'codes', when: { tag: 'otp' }, retry: '10s*', 'max-age': '10m' },
      { name: 'bulk', when: { stream: 'bulk' }, 'max-age': '5d' },
      { name: 'shop', when: { credential: 'shop' }, retry: '30s*', 'max-age': '1h' },
    ]),
  ),
});
const message = (facts: Partial<MessageFacts>): MessageFacts => ({
  ...{ tenantId: 'default', credentialName: 'app', stream: 'transactional', tags: [] },
  ...{ reversePath: null, headerFrom: null, ...facts },
});

it.each<[string, Partial<MessageFacts>, number[], number]>([
  ['no rule fits: as everywhere', {}, [60_000, 300_000], 48 * 3_600_000],
  ['a tag', { tags: ['otp'] }, [10_000], 600_000],
  ['the first of two that fit', { tags: ['otp'], stream: 'bulk' }, [10_000], 600_000],
  [
    'a rule that says nothing of retries leaves them to the next',
    { stream: 'bulk', credentialName: 'shop' },
    [30_000],
    432_000_000,
  ],
  ['a rule that says nothing of retries, and no other fits', { stream: 'bulk' }, [60_000, 300_000], 432_000_000],
])('%s', (_, facts, stepsMs, maxAgeMs) => {
  expect(lifetimes.scheduleOf(message(facts)).stepsMs).toEqual(stepsMs);
  expect(lifetimes.maxAgeMsOf(message(facts))).toBe(maxAgeMs);
});
