// The suppression list over time, on a real PostgreSQL: what a bounce makes of it, and what a delivered probe does.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { objectToSuppressed } from '../../relay/suppressed.ts';
import { formatReply } from '../../src/mail/reply.ts';
import type { MessageId } from '../../src/mail/submission.ts';
import { acceptMessages } from '../../src/store/accept.ts';
import { recordProgress } from '../../src/store/deliveries.ts';
import {
  type Bounce,
  forgetPassed,
  listSuppressions,
  type NewSuppression,
  putSuppressions,
  removeSuppressions,
  renewSuppression,
} from '../../src/store/suppressions.ts';
import { inTransaction } from '../../src/store/transaction.ts';
import { acceptance } from '../support/acceptance.ts';
import { claimSome } from '../support/claims.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { IDENTITY } from '../support/identity.ts';

let database: TestDatabase;
const DAY_MS = 86_400_000;
const ALL = { tenantId: null, stream: null } as const;
const TENANT = { tenantId: 'default', stream: null } as const;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
afterEach(() => database.rows('truncate messages, contents, deliveries, attempts, events, suppressions cascade'));

const put = (changes: Partial<NewSuppression> = {}) =>
  putSuppressions(database.pool, [
    { address: 'a@x.example', ...ALL, reason: 'hard-bounce', evidence: 'e', expiresAt: null, ...changes },
  ]);
const bounce = (changes: Partial<Bounce> = {}) =>
  renewSuppression(database.pool, {
    ...{ address: 'A@x.example', ...ALL, reason: 'hard-bounce', evidence: '550 5.1.1', forMs: 90 * DAY_MS },
    ...{ delivery: null, ...changes },
  });
const list = () => listSuppressions(database.db, { limit: 100 });
/** Days that are left, rounded. */
const daysLeft = (expiresAt: Date | null) =>
  expiresAt ? Math.round((expiresAt.getTime() - Date.now()) / DAY_MS) : null;
const timePasses = () => database.rows(`update suppressions set expires_at = now() - interval '1 second'`);
/** A delivery that tries out whatever is suppressed. */
async function probe(): Promise<MessageId> {
  const message = acceptance(['probe@x.example']);
  await acceptMessages(database.pool, [message]);
  const { messageId } = message.message;
  await database.rows(
    `update suppressions set probe_message_id = $1, probe_n = 0, expires_at = now() + interval '3 days'`,
    messageId,
  );
  return messageId;
}
const settle = async (messageId: MessageId, state: 'delivered' | 'failed') => {
  await claimSome(database.pool, { which: 'due', limit: 1, holder: 'h', leaseMs: 60_000 });
  const change = {
    ...{ messageId, n: 0, attempt: 1, state, dueInMs: null, waitsFor: null, pinnedUpstream: null, keepsLease: false },
    ...{ reason: 'x', event: state, eventData: null },
  };
  expect(await recordProgress(database.pool, 'h', { ended: [], opened: [], changes: [change] })).toHaveLength(1);
};

describe('a bounce', () => {
  it('suppresses for twice as long each time that the time was over, two years at most', async () => {
    const days: (number | null)[] = [];
    for (let times = 1; times <= 6; times += 1) {
      const made = await bounce();
      expect(made).toMatchObject({ ...ALL, times });
      days.push(daysLeft(made!.expiresAt));
      await timePasses();
    }
    expect(days).toEqual([90, 180, 360, 720, 730, 730]);
  });

  it('of mail that was on its way already changes neither time nor count', async () => {
    await bounce();
    const again = await bounce({ evidence: 'another one', forMs: 30 * DAY_MS });
    expect([again!.times, daysLeft(again!.expiresAt)]).toEqual([1, 90]);
    expect(await list()).toMatchObject([
      { address: 'a@x.example', evidence: 'another one', times: 1, probation: null },
    ]);
  });

  it.each<[string, Partial<NewSuppression>, object | null]>([
    ['a complaint, until lifted', { reason: 'complaint' }, null],
    ['a wish, for a while', { reason: 'unsubscribe', expiresAt: new Date(Date.now() + DAY_MS) }, null],
    ['a wish that is over: made anew', { reason: 'manual', expiresAt: new Date(Date.now() - 1) }, { times: 1 }],
    ['a bounce without an end: keeps it so', { times: 3 }, { times: 3, expiresAt: null }],
    ['a bounce that is over', { times: 3, expiresAt: new Date(Date.now() - 1) }, { times: 4 }],
    ['another scope: made beside it', { tenantId: 'default', reason: 'complaint' }, { times: 1, tenantId: null }],
  ])('finds %s', async (_what, suppression, expected) => {
    await put(suppression);
    const renewed = await bounce();
    if (expected === null) expect(renewed).toBeNull();
    else expect(renewed).toMatchObject(expected);
    if (expected === null) expect(await list()).toMatchObject([{ reason: suppression.reason, evidence: 'e' }]);
  });

  it('of a probe counts for what the probe tried out, whomever that held for', async () => {
    await put({ times: 2 });
    const messageId = await probe();
    const renewed = await bounce({ ...TENANT, delivery: { messageId, n: 0 } });
    expect([renewed, daysLeft(renewed!.expiresAt)]).toMatchObject([{ ...ALL, times: 3 }, 360]);
    expect(await list()).toMatchObject([{ tenantId: null, times: 3, probation: null }]);
    // Told twice, in the session and by a report.
    expect(await bounce({ delivery: { messageId, n: 0 } })).toMatchObject({ times: 3 });
  });

  it('that comes days after its probe was taken still counts on', async () => {
    await bounce();
    const messageId = await probe();
    await settle(messageId, 'delivered');
    expect(await list()).toEqual([]);
    const renewed = await bounce({ delivery: { messageId, n: 0 } });
    expect([renewed!.times, daysLeft(renewed!.expiresAt)]).toEqual([2, 180]);
    expect(await list()).toHaveLength(1);
  });

  it('takes part in the transaction that writes down where it came from', async () => {
    await inTransaction(database.pool, async connection => {
      const bounced = { address: 'a@x.example', ...ALL, reason: 'hard-bounce', delivery: null } as const;
      await renewSuppression(connection, { ...bounced, evidence: 'e', forMs: 1 });
      throw new Error('the report could not be written');
    }).catch(() => undefined);
    expect(await list()).toEqual([]);
  });
});

describe('a probe', () => {
  it('that is delivered lifts it; one that fails for another reason leaves the next one to try', async () => {
    await bounce();
    await timePasses();
    expect(await list()).toMatchObject([{ probation: 'due' }]);
    const failed = await probe();
    expect(await list()).toMatchObject([{ probation: 'out' }]);
    await settle(failed, 'failed');
    expect(await list()).toMatchObject([{ probation: 'out' }]);
    await timePasses();
    expect(await list()).toMatchObject([{ probation: 'due' }]);
    await settle(await probe(), 'delivered');
    expect(await list()).toEqual([]);
    expect(await removeSuppressions(database.db, 'a@x.example', null)).toBe(0);
  });

  it('is forgotten when nothing came back for a month', async () => {
    await bounce();
    await settle(await probe(), 'delivered');
    expect(await forgetPassed(database.pool)).toBe(0);
    await database.rows(
      `update suppressions set passed_at = now() - interval '31 days', expires_at = now() - interval '31 days'`,
    );
    expect(await forgetPassed(database.pool)).toBe(1);
    expect(await bounce()).toMatchObject({ times: 1 });
  });
});

describe('at RCPT', () => {
  const asked = { ...IDENTITY, onSuppressed: 'reject' } as const;
  const object = async (identity = asked as typeof IDENTITY, address = 'a@x.example') => {
    const objection = await objectToSuppressed(database.pool, identity, 'transactional', address);
    return objection && formatReply(objection);
  };

  it('an app that asked for it hears that a recipient is suppressed, never that there is none (5.1.1)', async () => {
    await put();
    expect(await object()).toBe('550 5.7.1 recipient suppressed (hard-bounce)');
    expect(await object(asked, '"A"@X.example')).toBe('550 5.7.1 recipient suppressed (hard-bounce)');
    expect(await object(asked, 'b@x.example')).toBeNull();
    expect(await object(IDENTITY)).toBeNull();
    expect(await object({ ...asked, mode: 'capture' })).toBeNull();
    expect(await object({ ...asked, tenantId: 'other' })).toMatch(/^550 /);
  });

  it.each<[string, Partial<NewSuppression>, boolean]>([
    ['its tenant', { tenantId: 'default' }, true],
    ['another tenant', { tenantId: 'other' }, false],
    ['its stream', { tenantId: 'default', stream: 'transactional' }, true],
    ['another stream', { tenantId: 'default', stream: 'bulk' }, false],
    ['a time that has come', { expiresAt: new Date(Date.now() - 1) }, false],
    ['a time to come', { expiresAt: new Date(Date.now() + DAY_MS) }, true],
  ])('it holds for %s', async (_what, suppression, isSuppressed) => {
    await database.rows(`insert into tenants (tenant_id) values ('other') on conflict do nothing`);
    await put(suppression);
    expect((await object()) !== null).toBe(isSuppressed);
  });

  it('a probe that is out keeps the others away, and a delivered one does not', async () => {
    await bounce();
    const messageId = await probe();
    expect(await object()).toMatch(/^550 5\.7\.1 /);
    await settle(messageId, 'delivered');
    expect(await object()).toBeNull();
  });
});
