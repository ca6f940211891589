// A bound on the message bytes that this process holds at once. Those who cannot have theirs wait in line.

export class ByteBudget {
  readonly #limit: number;
  #used = 0;
  #line: { bytes: number; grant: () => void }[] = [];

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes the bytes if they are free right now and nobody waits. Whoever finds the house empty may take any amount. */
  tryTake(bytes: number): boolean {
    if (this.#line.length > 0 || !this.#fits(bytes)) return false;
    this.#used += bytes;
    return true;
  }

  /** Resolves once the bytes are taken; rejects when the signal aborts first, or has before. */
  take(bytes: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.tryTake(bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#line = this.#line.filter(other => other !== entry);
        reject(signal.reason);
        this.#serve();
      };
      const grant = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const entry = { bytes, grant };
      this.#line.push(entry);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  give(bytes: number): void {
    this.#used -= bytes;
    this.#serve();
  }

  #serve(): void {
    while (this.#line.length > 0 && this.#fits(this.#line[0]!.bytes)) {
      const next = this.#line.shift()!;
      this.#used += next.bytes;
      next.grant();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#limit;
  }
}
