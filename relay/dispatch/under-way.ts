// What has begun and not ended, and how long that takes.
import type { Work } from './work.ts';

/** How much the last attempt counts in how long one takes. */
const WEIGHT_OF_LAST = 0.2;

export class UnderWay {
  /** With the time at which each began, oldest first. */
  readonly #began = new Map<Work, number>();
  #averageMs = 0;

  get size(): number {
    return this.#began.size;
  }

  get works(): Iterable<Work> {
    return this.#began.keys();
  }

  begin(work: Work, now: number): void {
    this.#began.set(work, now);
  }

  /** Of what had not begun nothing is learned. */
  end(work: Work, now: number): void {
    const began = this.#began.get(work);
    if (began === undefined) return;
    this.#averageMs += (now - began - this.#averageMs) * WEIGHT_OF_LAST;
    this.#began.delete(work);
  }

  /** Of the average of those that ended, and of the oldest that has not: a host that hangs ends nothing. */
  durationMs(now: number): number {
    const [oldest = now] = this.#began.values();
    return Math.max(this.#averageMs, now - oldest);
  }
}
