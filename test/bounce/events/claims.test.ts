import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLAIMS, claimOf } from '../../../bounce/events/claims.ts';
import { judgeBounce } from '../../../bounce/events/judge.ts';
import type { ProviderKind } from '../../../src/mail/provider-fields.ts';

const PAGE = readFileSync(new URL('../../../docs/provider-events.md', import.meta.url), 'utf8');
const PROVIDERS = Object.keys(CLAIMS) as ProviderKind[];

describe.each(PROVIDERS)('what %s says', provider => {
  const claims = CLAIMS[provider];

  it('stands in the table once', () => {
    const says = claims.map(claim => claim.says);
    expect(says).toEqual([...new Set(says)]);
  });

  it('is found however it is spelt, with the wide rows for what is new', () => {
    for (const claim of claims.filter(one => !one.says.endsWith('*'))) {
      expect(claimOf(provider, claim.says.toUpperCase())).toEqual({ ...claim, says: claim.says.toUpperCase() });
    }
    for (const claim of claims.filter(one => one.says.endsWith('*'))) {
      const says = claim.says.replace('*', 'something new');
      expect(claimOf(provider, says)).toEqual({ ...claim, says });
    }
  });

  it('is listed in docs/provider-events.md with what it means', () => {
    const rows = claims.map(({ says, kind, hard }) => `| \`${says}\` | ${kind ?? 'nothing'} | ${hard} |`);
    expect(rows.filter(row => !PAGE.includes(row))).toEqual([]);
  });

  it('never makes a hard bounce of a delay, a rejection, or a word against it', () => {
    const dead = { address: 'ada@example.net', diagnostic: '550 5.1.1 user unknown' };
    const spared = claims.filter(claim => claim.hard === 'never' || claim.kind !== 'bounced');
    expect(spared.filter(claim => judgeBounce(provider, claim, dead).hard)).toEqual([]);
  });

  it.each([
    '550 5.7.1 Message rejected as spam by Content Filtering',
    '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org',
    "550-5.7.26 Unauthenticated email from x.org is not accepted due to domain's DMARC policy",
    '552 5.2.2 mailbox full',
    '421 4.7.0 Too many connections from your IP',
    '550 blocked',
  ])('makes no hard bounce of "%s"', diagnostic => {
    const hard = claims.filter(claim => judgeBounce(provider, claim, { address: 'ada@example.net', diagnostic }).hard);
    expect(hard).toEqual([]);
  });
});

it('names both sides where the provider forbids what the words say', () => {
  const claim = claimOf('ses', 'Transient/General');
  const judged = judgeBounce('ses', claim, { address: 'ada@example.net', diagnostic: '550 5.1.1 user unknown' });
  expect(judged.rule).toBe('no-mailbox, not hard for ses:Transient/General');
});
