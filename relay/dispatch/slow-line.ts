// The line before a place that mail goes to slowly. Nobody stands in it: whoever may not go is told when to come back, each a
// later time, and has its place kept from those who come for the first time. Pure.
import { nextAfter, type Slowdown } from './slowdown.ts';

export type SlowLine = {
  /** When the next one may go. */
  readonly nextAt: number;
  /** The next time to be told to newcomers, and to those who came back for nothing. */
  readonly newAt: number;
  readonly againAt: number;
};

export const EMPTY_LINE: SlowLine = { nextAt: 0, newAt: 0, againAt: 0 };

/** Nobody is sent away for longer: by then the place may be free. */
export const LONGEST_WAIT_MS = 600_000;
/** Those who were told a time come so much later at times: wake-ups share a job a second, and a claim takes its time. */
const LATE_MS = 3_000;

export type Comer = { readonly hasWaited: boolean; readonly sharers: number };

/** `waitMs` null = go; else come back then. */
export function stepUp(
  line: SlowLine,
  slowdown: Slowdown,
  { hasWaited, sharers }: Comer,
  now: number,
): { readonly line: SlowLine; readonly waitMs: number | null } {
  if (now >= line.nextAt && (hasWaited || now >= line.newAt)) {
    // By the times that were told: who comes late does not make all that follow late.
    const from = hasWaited ? Math.max(line.nextAt, now - LATE_MS) : now;
    const nextAt = nextAfter(slowdown, from, sharers);
    return { line: { ...line, nextAt, newAt: Math.max(line.newAt, nextAt) }, waitMs: null };
  }
  const place = hasWaited ? 'againAt' : 'newAt';
  const startsAt = Math.max(line.nextAt, line[place]);
  if (startsAt - now >= LONGEST_WAIT_MS) return { line, waitMs: LONGEST_WAIT_MS };
  return { line: { ...line, [place]: nextAfter(slowdown, startsAt, sharers) }, waitMs: Math.max(1, startsAt - now) };
}
