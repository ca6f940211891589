// So many at the same time; the others stand in line.

/** Patience has ended. */
export class CrowdedError extends Error {
  override readonly name = 'CrowdedError';
}

export class Places {
  readonly #count: number;
  #taken = 0;
  #line: (() => void)[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  /** Those who have a place, and those who wait for one. */
  get crowd(): number {
    return this.#taken + this.#line.length;
  }

  /** Rejects when the signal aborts, or patience ends, before it is the caller's turn. */
  async take(signal: AbortSignal, patienceMs: number | null = null): Promise<void> {
    signal.throwIfAborted();
    if (this.#taken < this.#count) {
      this.#taken += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const leave = (why: unknown) => {
        this.#line = this.#line.filter(waiting => waiting !== begin);
        settle();
        reject(why);
      };
      const begin = () => {
        settle();
        resolve();
      };
      const timer = patienceMs === null ? undefined : setTimeout(() => leave(new CrowdedError()), patienceMs);
      const abort = () => leave(signal.reason);
      const settle = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#line.push(begin);
    });
  }

  /** A place goes to the next in line without becoming free in between. */
  leave(): void {
    const next = this.#line.shift();
    if (next) next();
    else this.#taken -= 1;
  }
}
