// Which policy a bounce is judged by, and how policies are made, changed and removed.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Stream } from '../../src/mail/submission.ts';
import {
  findSuppressionPolicy,
  listSuppressionPolicies,
  putSuppressionPolicy,
  removeSuppressionPolicy,
} from '../../src/store/suppression-policies.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
  await database.rows(`insert into tenants (tenant_id) values ('shop'), ('other')`);
});
beforeEach(() => database.rows('delete from suppression_policies'));
afterAll(() => database.drop());

/** `shop bulk`, `shop *`, `* bulk`, `* *`. */
function scopeOf(text: string) {
  const [tenantId, stream] = text.split(' ').map(part => (part === '*' ? null : part));
  return { tenantId: tenantId!, stream: stream as Stream | null };
}

describe('of the policies that there are, the most particular one that fits holds', () => {
  it.each<[policies: string[], bounce: string, chosen: string | null]>([
    [['* *', '* bulk', 'shop *', 'shop bulk'], 'shop bulk', 'shop bulk'],
    [['* *', '* bulk', 'shop *'], 'shop bulk', 'shop *'],
    [['* *', '* bulk'], 'shop bulk', '* bulk'],
    [['* *'], 'shop bulk', '* *'],
    [[], 'shop bulk', null],
    [['* *', '* bulk', 'shop *', 'shop bulk'], 'shop transactional', 'shop *'],
    [['* *', '* bulk', 'shop bulk'], 'shop transactional', '* *'],
    [['* bulk', 'shop bulk'], 'shop transactional', null],
    [['* *', '* bulk', 'shop *', 'shop bulk'], 'other bulk', '* bulk'],
    [['* *', '* bulk', 'shop *', 'shop bulk'], 'other transactional', '* *'],
    [['shop *', 'shop bulk', 'shop transactional'], 'other bulk', null],
  ])('%j, %s: %s', async (policies, bounce, chosen) => {
    for (const [i, policy] of policies.entries())
      await putSuppressionPolicy(database.db, scopeOf(policy), { strikes: i + 1 });
    const found = await findSuppressionPolicy(database.pool, scopeOf(bounce) as { tenantId: string; stream: Stream });
    const expected = chosen === null ? null : { ...scopeOf(chosen), strikes: policies.indexOf(chosen) + 1 };
    if (expected === null) expect(found).toBeNull();
    else expect(found).toMatchObject(expected);
  });
});

it('what is named is changed, the rest stays; null is the default again', async () => {
  const scope = { tenantId: null, stream: null };
  await putSuppressionPolicy(database.db, scope, { hardForMs: 'never', strikes: 5 });
  await putSuppressionPolicy(database.db, scope, { strikesForMs: 60_000 });
  const both = { ...scope, hardForMs: 'never', strikes: 5, strikesWithinMs: null, strikesForMs: 60_000 };
  expect(await listSuppressionPolicies(database.db)).toEqual([both]);
  expect(await putSuppressionPolicy(database.db, scope, { hardForMs: null })).toEqual({ ...both, hardForMs: null });
});

it('a policy is removed by its exact scope, and with its tenant', async () => {
  for (const scope of ['* *', '* bulk', 'shop *', 'shop bulk'])
    await putSuppressionPolicy(database.db, scopeOf(scope), { strikes: 2 });
  expect(await removeSuppressionPolicy(database.db, scopeOf('shop *'))).toMatchObject({
    tenantId: 'shop',
    stream: null,
  });
  expect(await removeSuppressionPolicy(database.db, scopeOf('shop *'))).toBeNull();
  await database.rows(`delete from tenants where tenant_id = 'shop'`);
  const left = await listSuppressionPolicies(database.db);
  expect(left.map(({ tenantId, stream }) => [tenantId, stream])).toEqual([
    [null, 'bulk'],
    [null, null],
  ]);
});
