// When somebody should hear of a quota: as four fifths of it are used, and as it turns mail away or makes it wait. Once a
// window, and of short windows once an hour: a stream that is paced to the second is at its quota all day. Pure.
import { describeQuota } from '../../src/mail/quota.ts';
import type { QuotaState } from '../../src/store/quota-usage.ts';

export type Alarm = {
  readonly kind: 'quota-warning' | 'quota-exhausted';
  readonly quotaId: number;
  readonly quota: string;
  /** In the window that ends now, promised room included. */
  readonly used: number;
  readonly limit: number;
};

const WARN_AT = 0.8;
const AGAIN_AFTER_MS = 3_600_000;

/** `wasShort`: there was mail that it had no room for. */
export function raiseAlarms(state: QuotaState, used: number, wasShort: boolean, now: number): Alarm[] {
  const { quotaId, limit, windowMs, warnedAt, exhaustedAt } = state;
  const again = (last: Date | null) => !last || now - last.getTime() >= Math.max(windowMs, AGAIN_AFTER_MS);
  const alarm = { quotaId, quota: describeQuota(state), used, limit };
  const alarms: Alarm[] = [];
  if ((used >= limit * WARN_AT || wasShort) && again(warnedAt)) alarms.push({ kind: 'quota-warning', ...alarm });
  if ((used >= limit || wasShort) && again(exhaustedAt)) alarms.push({ kind: 'quota-exhausted', ...alarm });
  return alarms;
}
