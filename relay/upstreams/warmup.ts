// How many messages an upstream may get on a day while it is new: receivers trust an address, or an account, that begins
// with little and sends more day by day. Days are UTC. Pure.
import type { WarmupSchedule } from '../../src/platform/url-parameters.ts';

const DAY_MS = 86_400_000;

/** Most messages on the day that `now` is in; null = as many as there are. */
export function warmupLimit(schedule: WarmupSchedule, now: number): number | null {
  const day = dayOf(schedule, now);
  return day < 1 ? 0 : (schedule.limits[day - 1] ?? null);
}

export type Full = {
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly reason: string;
};

/** Whether it takes no more on the day that `now` is in, after so many. */
export function fullAfter(schedule: WarmupSchedule, used: number, now: number): Full | null {
  const limit = warmupLimit(schedule, now);
  if (limit === null || used < limit) return null;
  const day = dayOf(schedule, now);
  if (day < 1) return { until: startOf(schedule), reason: `warm-up: begins on ${schedule.startsOn}` };
  return {
    until: startOf(schedule) + day * DAY_MS,
    reason: `warm-up: ${used} of ${limit} messages today (day ${day})`,
  };
}

/** 1 on its first day, 0 or less before it. */
function dayOf(schedule: WarmupSchedule, now: number): number {
  return Math.floor((now - startOf(schedule)) / DAY_MS) + 1;
}

function startOf({ startsOn }: WarmupSchedule): number {
  return Date.parse(`${startsOn}T00:00:00Z`);
}
