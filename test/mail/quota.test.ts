import { expect, it } from 'vitest';
import { describeQuota, type QuotaLimit } from '../../src/mail/quota.ts';

const RULE: QuotaLimit = {
  ...{ credential: 'app', tenantId: null, stream: null, recipientDomain: null },
  ...{ counts: 'messages', limit: 5, windowMs: 60_000 },
};

it.each<[Partial<QuotaLimit>, string]>([
  [{}, '5 messages a minute (credential app)'],
  [{ limit: 1 }, '1 message a minute (credential app)'],
  [{ counts: 'recipients', limit: 10_000, windowMs: 86_400_000 }, '10,000 recipients a day (credential app)'],
  [{ windowMs: 1_000 }, '5 messages a second (credential app)'],
  [{ windowMs: 3_600_000 }, '5 messages an hour (credential app)'],
  [{ windowMs: 604_800_000 }, '5 messages a week (credential app)'],
  [{ windowMs: 31 * 86_400_000 }, '5 messages a month (credential app)'],
  [{ windowMs: 900_000 }, '5 messages every 15 minutes (credential app)'],
  [{ windowMs: 90_000 }, '5 messages every 90 seconds (credential app)'],
  [{ windowMs: 1_500 }, '5 messages every 1500 milliseconds (credential app)'],
  [{ windowMs: null }, '5 messages at once (credential app)'],
  [{ windowMs: null, limit: 1 }, '1 message at once (credential app)'],
  [{ credential: null, tenantId: 'acme', stream: 'bulk' }, '5 messages a minute (tenant acme, stream bulk)'],
  [{ recipientDomain: 'gmail.com' }, '5 messages a minute (credential app, to gmail.com)'],
])('%j is called %s', (changes, name) => {
  expect(describeQuota({ ...RULE, ...changes })).toBe(name);
});
