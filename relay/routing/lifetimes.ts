// How long mail is tried, and when again: by rule where one fits, else as the settings say for all. Pure.
import type { RetrySchedule } from '../../src/platform/duration.ts';
import type { LifetimeRule } from '../../src/platform/route-rules.ts';
import { fits, type MessageFacts } from './match.ts';

export type Lifetimes = {
  scheduleOf(message: MessageFacts): RetrySchedule;
  maxAgeMsOf(message: MessageFacts): number;
};

export type LifetimeSettings = {
  readonly POSTERN_LIFETIMES: readonly LifetimeRule[];
  readonly POSTERN_RETRY: RetrySchedule;
  readonly POSTERN_MAX_AGE: number;
};

/** Of schedule and age each is that of the first rule that fits and names one. */
export function createLifetimes(settings: LifetimeSettings): Lifetimes {
  const retries = settings.POSTERN_LIFETIMES.filter(({ retry }) => retry !== null);
  const ages = settings.POSTERN_LIFETIMES.filter(({ maxAgeMs }) => maxAgeMs !== null);
  const firstOf = (rules: readonly LifetimeRule[], message: MessageFacts) =>
    rules.length === 0 ? undefined : rules.find(({ when }) => fits(when, message, null));
  return {
    scheduleOf: message => firstOf(retries, message)?.retry ?? settings.POSTERN_RETRY,
    maxAgeMsOf: message => firstOf(ages, message)?.maxAgeMs ?? settings.POSTERN_MAX_AGE,
  };
}
