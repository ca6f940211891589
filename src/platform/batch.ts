// Group commit: while one batch is being written, the next one gathers; there is no timer and no waiting for company.
// Under light load a batch is one item and costs no delay, under heavy load it grows by itself.

export type BatchOptions<T> = {
  /** Writes all items or none, in one transaction. */
  readonly write: (items: readonly T[]) => Promise<void>;
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly bytesOf: (item: T) => number;
  /** Batches under way at once. */
  readonly writers: number;
};

type Entry<T> = { item: T; resolve: () => void; reject: (error: unknown) => void };

export class Batch<T> {
  readonly #options: BatchOptions<T>;
  #waiting: Entry<T>[] = [];
  #active = 0;
  #scheduled = false;

  constructor(options: BatchOptions<T>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the item's transaction has committed; rejects with what the write threw. */
  add(item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  /** Items that arrive in the same turn of the event loop travel together. */
  #schedule(): void {
    if (this.#scheduled || this.#active >= this.#options.writers) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#active < this.#options.writers && this.#waiting.length > 0) void this.#writeNext();
    });
  }

  async #writeNext(): Promise<void> {
    const entries = this.#take();
    this.#active += 1;
    try {
      await this.#options.write(entries.map(entry => entry.item));
      for (const entry of entries) entry.resolve();
    } catch (error) {
      for (const entry of entries) entry.reject(error);
    } finally {
      this.#active -= 1;
      this.#schedule();
    }
  }

  #take(): Entry<T>[] {
    const { maxItems, maxBytes, bytesOf } = this.#options;
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < maxItems) {
      bytes += bytesOf(this.#waiting[count]!.item);
      if (count > 0 && bytes > maxBytes) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}
