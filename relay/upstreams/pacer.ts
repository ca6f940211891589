// Spaces messages out to a rate: each turn comes one interval after the one before, and up to a second's worth may go
// at once after a pause.
import { setTimeout as sleep } from 'node:timers/promises';

export class Pacer {
  readonly #intervalMs: number;
  readonly #burst: number;
  #nextAt = 0;

  /** `ratePerSecond` null = no pacing. */
  constructor(ratePerSecond: number | null) {
    this.#intervalMs = ratePerSecond === null ? 0 : 1_000 / ratePerSecond;
    this.#burst = Math.max(1, Math.floor(ratePerSecond ?? 0));
  }

  /** Resolves when it is the caller's turn; rejects when the signal aborts first. */
  async turn(signal: AbortSignal): Promise<void> {
    if (this.#intervalMs === 0) return;
    const now = performance.now();
    this.#nextAt = Math.max(this.#nextAt, now - (this.#burst - 1) * this.#intervalMs) + this.#intervalMs;
    const waitMs = this.#nextAt - this.#intervalMs - now;
    if (waitMs <= 0) return;
    await sleep(waitMs, undefined, { signal }).catch(() => {
      throw signal.reason;
    });
  }
}
