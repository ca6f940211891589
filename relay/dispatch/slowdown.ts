// How fast mail may go to a place that has asked for less: half as fast after each such refusal (multiplicative decrease),
// and a little faster with every second without one (additive increase), as TCP does it. Pure.

/** Rates are those of all processes together, in messages a second; times are milliseconds since 1970. */
export type Slowdown = {
  /** Right after the last refusal. */
  readonly rate: number;
  /** Where it is free again: twice what went there before the first refusal. Less would prove nothing. */
  readonly ceiling: number;
  readonly slowedAt: number;
  /** When the first refusal came. */
  readonly since: number;
  /** What was said. */
  readonly reason: string;
};

export type Slowing = {
  /** What went there lately. */
  readonly sentPerSecond: number;
  /** When the attempt began that was refused. */
  readonly begunAt: number;
  readonly reason: string;
};

/** From nothing to the ceiling: a refusal that is ten minutes old says nothing of now. */
export const RECOVERY_MS = 600_000;
/** Somebody has to find out whether it is over. */
const SLOWEST = 1 / 60;
/** Begun with, where next to nothing went there. */
const SLOWEST_AT_FIRST = 1 / 10;
/** Refusals so soon after each other are one: those messages were under way together. */
const ECHO_MS = 1_000;

/** null = that is known already. */
export function slowed(before: Slowdown | null, { sentPerSecond, begunAt, reason }: Slowing, now: number) {
  const sent = Math.max(sentPerSecond, SLOWEST_AT_FIRST);
  if (before === null || isFree(before, now)) {
    return { rate: Math.max(sent / 2, SLOWEST_AT_FIRST), ceiling: sent * 2, slowedAt: now, since: now, reason };
  }
  if (begunAt <= before.slowedAt || now - before.slowedAt < ECHO_MS) return null;
  // What was allowed and not used was not refused either.
  const rate = Math.max(Math.min(rateAt(before, now), sent) / 2, SLOWEST);
  return { ...before, rate, slowedAt: now, reason };
}

export function rateAt({ rate, ceiling, slowedAt }: Slowdown, at: number): number {
  return rate + ceiling * (Math.max(0, at - slowedAt) / RECOVERY_MS);
}

export function freeAt({ rate, ceiling, slowedAt }: Slowdown): number {
  return slowedAt + RECOVERY_MS * Math.max(0, 1 - rate / ceiling);
}

export function isFree(slowdown: Slowdown, now: number): boolean {
  return now >= freeAt(slowdown);
}

/** When the next may go after one at `from`, for one process of several: once its share of the rate has added up to one. */
export function nextAfter(slowdown: Slowdown, from: number, sharers: number): number {
  const rate = rateAt(slowdown, from);
  const growth = slowdown.ceiling / (RECOVERY_MS / 1_000);
  const seconds = (Math.sqrt(rate * rate + 2 * growth * sharers) - rate) / growth;
  return from + seconds * 1_000;
}

/** `0.5/s`, `3/min` */
export function formatRate(perSecond: number): string {
  return perSecond >= 0.1 ? `${Number(perSecond.toPrecision(2))}/s` : `${Number((perSecond * 60).toPrecision(2))}/min`;
}
