// When turns are: one every interval, and after a pause a few at once (the generic cell rate algorithm). Pure; any clock in
// milliseconds will do.

export type Spacing = {
  readonly intervalMs: number;
  /** How far in the past the first turn after a pause may lie: so many intervals' worth, and one, go at once. */
  readonly creditMs: number;
};

/** Up to a second's worth at once after a pause. */
export function spacingOf(ratePerSecond: number): Spacing {
  return withBurst(1_000 / ratePerSecond, ratePerSecond);
}

/**
 * Of turns that are fetched ahead and may be used up to a quarter of a second late: that quarter is taken off the burst, so
 * that no window of time sees more than the rate and a second's worth.
 */
export function sharedSpacingOf(ratePerSecond: number): Spacing {
  return withBurst(1_000 / ratePerSecond, ratePerSecond * (1 - LATEST_USE_MS / 1_000));
}

/** So long after its time a turn may be used. */
export const LATEST_USE_MS = 250;

/** One process's part while nobody can be asked: nothing gathers, since nobody knows what others have used. */
export function partOf({ intervalMs }: Spacing, sharers: number): Spacing {
  return { intervalMs: intervalMs * sharers, creditMs: 0 };
}

/** The next turn, and when the one after it would be. */
export function nextTurn(nextAt: number, now: number, { intervalMs, creditMs }: Spacing) {
  const startsAt = Math.max(nextAt, now - creditMs);
  return { startsAt, nextAt: startsAt + intervalMs };
}

/**
 * How many to fetch: those who wait, and what will be wanted meanwhile if it goes on like this; but no more than a second's
 * worth, so that whoever comes to have mail as well need not wait for longer.
 */
export function howMany(
  waiting: number,
  lately: { readonly wanted: number; readonly withinMs: number },
  { intervalMs, aheadMs }: { readonly intervalMs: number; readonly aheadMs: number },
): number {
  const ahead = Math.floor((lately.wanted * aheadMs) / Math.max(lately.withinMs, aheadMs, 1));
  return Math.min(waiting + ahead, Math.max(1, Math.floor(1_000 / intervalMs)));
}

function withBurst(intervalMs: number, burst: number): Spacing {
  return { intervalMs, creditMs: (Math.max(1, Math.floor(burst)) - 1) * intervalMs };
}
