// Durations and retry schedules as people write them: `90s`, `15m`, `1m,5m,1h*`.
import { z } from 'zod';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Milliseconds behind `15m`, or null. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text.trim());
  return match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : null;
}

/** `90000` as `1m 30s`: the two largest units that say something. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  let rest = Math.round(ms / 1_000) * 1_000;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const amount = Math.floor(rest / UNIT_MS[unit]);
    rest -= amount * UNIT_MS[unit];
    if (amount > 0) parts.push(`${amount}${unit}`);
  }
  return parts.slice(0, 2).join(' ');
}

export const durationMs = z.string().transform((value, context) => {
  const parsed = parseDuration(value);
  if (parsed === null) context.addIssue('is not a duration');
  return parsed ?? 0;
});

export type RetrySchedule = {
  /** Waits before the second, third, … attempt, in milliseconds. */
  readonly stepsMs: readonly number[];
  /** Whether the last step repeats until the message is too old. */
  readonly lastRepeats: boolean;
};

export const retrySchedule = z.string().transform((value, context): RetrySchedule => {
  const lastRepeats = value.trim().endsWith('*');
  const steps = value.trim().replace(/\*$/, '').split(',').map(parseDuration);
  if (steps.some(step => step === null || step === 0)) context.addIssue('is not a list of durations');
  return { stepsMs: steps.map(step => step ?? 0), lastRepeats };
});
