// Those who wait for something, in the order in which they came. Whoever is told to stop leaves the line.

type Waiting<T> = { readonly give: (value: T) => void; readonly refuse: (error: Error) => void };

export class Line<T> {
  #waiting: Waiting<T>[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  /** Rejects when the signal aborts first. */
  wait(signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const stay = () => signal.removeEventListener('abort', leave);
      const leave = () => {
        this.#waiting = this.#waiting.filter(one => one !== waiting);
        reject(signal.reason);
      };
      const waiting: Waiting<T> = {
        give: value => {
          stay();
          resolve(value);
        },
        refuse: error => {
          stay();
          reject(error);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** To the first; false = there is nobody. */
  give(value: T): boolean {
    const first = this.#waiting.shift();
    first?.give(value);
    return first !== undefined;
  }

  refuseAll(error: Error): void {
    for (const { refuse } of this.#waiting.splice(0)) refuse(error);
  }
}
