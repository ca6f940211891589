// So many at the same time; the others stand in line. How many may change meanwhile: nobody is sent away for it.

/** One process's part of what all of them may have; without the smallest part it would send nothing. */
export function shareOf(count: number, sharers: number): number {
  return Math.max(1, Math.floor(count / sharers));
}

/** Patience has ended. */
export class CrowdedError extends Error {
  override readonly name = 'CrowdedError';
}

export class Places {
  #count: number;
  #taken = 0;
  #line: (() => void)[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  /** Those who have a place, and those who wait for one. */
  get crowd(): number {
    return this.#taken + this.#line.length;
  }

  /** Places that nobody has; negative: so many have to go first. */
  get free(): number {
    return this.#count - this.#taken;
  }

  /** With fewer places than are taken, those who leave make room for nobody. */
  resize(count: number): void {
    this.#count = count;
    this.#admit();
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

  /** A place goes to the next in line before anybody who comes now. */
  leave(): void {
    this.#taken -= 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#line.length > 0 && this.#taken < this.#count) {
      this.#taken += 1;
      this.#line.shift()!();
    }
  }
}
