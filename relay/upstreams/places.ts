// So many at the same time; the others stand in line.

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

  /** Rejects when the signal aborts before it is the caller's turn. */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#taken < this.#count) {
      this.#taken += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#line = this.#line.filter(waiting => waiting !== begin);
        reject(signal.reason);
      };
      const begin = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      signal.addEventListener('abort', leave, { once: true });
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
