// Group commit: while one batch is being written, the next one gathers; there is no timer and no waiting for company.
// Under light load a batch is one item and costs no delay, under heavy load it grows by itself. One batch at a time: with
// two under way each was half as large, and PostgreSQL took a fifth more CPU for the same mail.

export type BatchOptions<T, R> = {
  /** Writes all items or none, in one transaction; one result for each, in their order. */
  readonly write: (items: readonly T[]) => Promise<readonly R[]>;
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly bytesOf: (item: T) => number;
  /** Whether an error may be one item's own: then each is written alone, so that it fails alone. */
  readonly isOneItemsFault: (error: unknown) => boolean;
};

type Entry<T, R> = { item: T; resolve: (result: R) => void; reject: (error: unknown) => void };

export class Batch<T, R> {
  readonly #options: BatchOptions<T, R>;
  #waiting: Entry<T, R>[] = [];
  #writing = false;
  #scheduled = false;

  constructor(options: BatchOptions<T, R>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the item's transaction has committed; rejects with what the write threw. */
  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  /** Items that arrive in the same turn of the event loop travel together. */
  #schedule(): void {
    if (this.#scheduled || this.#writing || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#writeNext();
    });
  }

  async #writeNext(): Promise<void> {
    const entries = this.#take();
    this.#writing = true;
    await this.#write(entries);
    this.#writing = false;
    this.#schedule();
  }

  async #write(entries: readonly Entry<T, R>[]): Promise<void> {
    try {
      const results = await this.#options.write(entries.map(entry => entry.item));
      entries.forEach((entry, i) => {
        entry.resolve(results[i]!);
      });
    } catch (error) {
      if (entries.length > 1 && this.#options.isOneItemsFault(error)) {
        for (const entry of entries) await this.#write([entry]);
      } else for (const entry of entries) entry.reject(error);
    }
  }

  #take(): Entry<T, R>[] {
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
