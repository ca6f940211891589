// What turns may be: in no window more than a burst and the rate.

/** By how many the worst window exceeds it; times are in order. The database's clock has microseconds: so much is forgiven. */
export function mostTooMany(times: readonly number[], ratePerSecond: number, burst: number): number {
  let worst = Number.NEGATIVE_INFINITY;
  for (let from = 0; from < times.length; from += 1) {
    for (let to = from; to < times.length; to += 1) {
      const windowMs = times[to]! - times[from]! + 0.01 * (to - from);
      worst = Math.max(worst, to - from + 1 - burst - Math.floor((windowMs * ratePerSecond) / 1_000));
    }
  }
  return worst;
}
