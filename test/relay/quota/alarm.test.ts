import { expect, it } from 'vitest';
import { raiseAlarms } from '../../../relay/quota/alarm.ts';
import type { QuotaState } from '../../../src/store/quota-usage.ts';

const NOW = 1_795_000_000_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const STATE: QuotaState = {
  ...{ quotaId: 1, credentialId: 'id', credential: 'app', tenantId: null, stream: null, recipientDomain: null },
  ...{ counts: 'messages', limit: 10, windowMs: 60_000, bucketMs: 1_000 },
  ...{ fullUntil: null, warnedAt: null, exhaustedAt: null },
};
const ago = (ms: number) => new Date(NOW - ms);

it.each<[string, Partial<QuotaState>, number, boolean, string[]]>([
  ['little used', {}, 7, false, []],
  ['four fifths used', {}, 8, false, ['quota-warning']],
  ['all used, in one go', {}, 10, false, ['quota-warning', 'quota-exhausted']],
  ['half used, and a message to too many', {}, 5, true, ['quota-warning', 'quota-exhausted']],
  ['warned before, and now all used', { warnedAt: ago(1_000) }, 10, false, ['quota-exhausted']],
  ['said already', { warnedAt: ago(1_000), exhaustedAt: ago(1_000) }, 10, true, []],
  ['a minute is over, an hour is not', { warnedAt: ago(HOUR - 1) }, 9, false, []],
  ['the hour is over', { warnedAt: ago(HOUR) }, 9, false, ['quota-warning']],
  ['the day is not over', { windowMs: DAY, warnedAt: ago(DAY - 1) }, 9, false, []],
  ['the day is over', { windowMs: DAY, warnedAt: ago(DAY) }, 9, false, ['quota-warning']],
])('%s', (_name, changes, used, wasShort, kinds) => {
  const alarms = raiseAlarms({ ...STATE, ...changes }, used, wasShort, NOW);
  expect(alarms.map(({ kind }) => kind)).toEqual(kinds);
  for (const alarm of alarms) expect(alarm).toMatchObject({ quotaId: 1, used, limit: 10 });
});
