import { describe, expect, it } from 'vitest';
import { indexQuotas, type Sender } from '../../../relay/quota/match.ts';
import type { Quota } from '../../../src/store/quotas.ts';

const EVERYBODY = {
  credential: null,
  credentialId: null,
  tenantId: null,
  stream: null,
  recipientDomain: null,
} as const;
const quota = (quotaId: number, scope: Partial<Quota>): Quota => ({
  ...{ ...EVERYBODY, quotaId, counts: 'messages', limit: 5, windowMs: 60_000, bucketMs: 1_000 },
  ...scope,
});

const index = indexQuotas([
  quota(1, { credentialId: 'app' }),
  quota(2, { credentialId: 'app', stream: 'bulk' }),
  quota(3, { credentialId: 'shop' }),
  quota(4, { tenantId: 'acme' }),
  quota(5, { tenantId: 'acme', stream: 'bulk' }),
  quota(6, { stream: 'bulk' }),
  quota(7, { recipientDomain: 'gmail.com' }),
  quota(8, { recipientDomain: 'gmail.com', tenantId: 'acme' }),
  quota(9, { recipientDomain: 'slow.example', credentialId: 'app', stream: 'transactional' }),
  quota(10, { credentialId: 'app', tenantId: 'other' }),
]);

const sender = (credentialId: string, tenantId: string, stream: Sender['stream'] = 'transactional'): Sender => ({
  identity: { credentialId, tenantId },
  stream,
});
const to = (...domains: string[]) => domains.map((domain, n) => ({ n, domain }));
const ids = (quotas: readonly Quota[]) => quotas.map(({ quotaId }) => quotaId);

describe('the quotas that apply', () => {
  it.each<[Sender, string[], number[], number[][]]>([
    [sender('app', 'default'), ['x.example'], [1], [[]]],
    [sender('app', 'default', 'bulk'), ['x.example'], [1, 2, 6], [[]]],
    [sender('app', 'other'), ['x.example'], [1, 10], [[]]],
    [sender('shop', 'acme'), ['x.example'], [3, 4], [[]]],
    [sender('shop', 'acme', 'bulk'), ['GMail.com'], [3, 4, 5, 6], [[7, 8]]],
    [sender('nobody', 'default'), ['x.example'], [], [[]]],
    [sender('nobody', 'default'), ['x.example', 'gmail.com', 'y.example', 'GMAIL.com'], [], [[], [7]]],
    [sender('app', 'default'), ['slow.example'], [1], [[9]]],
    [sender('app', 'default', 'bulk'), ['slow.example'], [1, 2, 6], [[]]],
  ])('%j to %j', (from, domains, common, groups) => {
    const match = index.match(from, to(...domains));
    expect(ids(match.common)).toEqual(common);
    expect(match.groups.map(group => ids(group.quotas))).toEqual(groups);
    expect(index.applies(from, domains)).toBe(common.length + groups.flat().length > 0);
    expect(ids(index.common(from))).toEqual(common);
  });

  it('recipients of one group keep their numbers', () => {
    const { groups } = index.match(sender('nobody', 'default'), to('x.example', 'gmail.com', 'y.example', 'gmail.com'));
    expect(groups.map(({ recipients }) => recipients)).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });

  it('of one stream are left out while nobody knows the stream', () => {
    expect(ids(index.common(sender('app', 'acme', null)))).toEqual([1, 4]);
  });

  it('are none where there are none', () => {
    expect(indexQuotas([]).applies(sender('app', 'default'), ['gmail.com'])).toBe(false);
  });
});
