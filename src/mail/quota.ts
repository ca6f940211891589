// A quota: how many messages or recipients, of whom and to where, in any stretch of time of a given length; or how many
// messages at the same time.
import type { Stream } from './submission.ts';

export type QuotaCounts = 'messages' | 'recipients';

/** What is null does not matter; what is not must all be so. */
export type QuotaScope = {
  readonly credential: string | null;
  readonly tenantId: string | null;
  readonly stream: Stream | null;
  /** As `foldDomain` has it. */
  readonly recipientDomain: string | null;
};

export type QuotaLimit = QuotaScope & {
  readonly counts: QuotaCounts;
  readonly limit: number;
  /** Null: so many under way at the same time. */
  readonly windowMs: number | null;
};

export type QuotaRule = QuotaLimit & { readonly windowMs: number };

/**
 * The lengths that have a name. A month is 31 days: what holds in any 31 days holds in each month of a calendar, where
 * with 30 the 31st could see twice as much.
 */
export const WINDOWS_MS = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 2_678_400_000,
} as const;

const UNITS = [
  ['day', WINDOWS_MS.day],
  ['hour', WINDOWS_MS.hour],
  ['minute', WINDOWS_MS.minute],
  ['second', WINDOWS_MS.second],
] as const;

/** `5 messages a minute (credential app, stream bulk)`: the name under which a quota goes everywhere. */
export function describeQuota(quota: QuotaLimit): string {
  return `${describeLimit(quota)} (${describeScope(quota)})`;
}

/** `1,000 recipients every 15 minutes`, `5 messages at once` */
export function describeLimit({ counts, limit, windowMs }: QuotaLimit): string {
  const noun = limit === 1 ? counts.slice(0, -1) : counts;
  return `${limit.toLocaleString('en-US')} ${noun} ${windowMs === null ? 'at once' : describeWindow(windowMs)}`;
}

function describeWindow(windowMs: number): string {
  const named = Object.entries(WINDOWS_MS).find(([, ms]) => ms === windowMs)?.[0];
  if (named) return named === 'hour' ? 'an hour' : `a ${named}`;
  const [unit, unitMs] = UNITS.find(([, ms]) => windowMs % ms === 0) ?? ['millisecond', 1];
  return `every ${windowMs / unitMs} ${unit}s`;
}

export function describeScope({ credential, tenantId, stream, recipientDomain }: QuotaScope): string {
  return [
    credential !== null && `credential ${credential}`,
    tenantId !== null && `tenant ${tenantId}`,
    stream !== null && `stream ${stream}`,
    recipientDomain !== null && `to ${recipientDomain}`,
  ]
    .filter(Boolean)
    .join(', ');
}
