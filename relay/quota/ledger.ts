// One quota's usage, counted in buckets of time: what went out and what was promised a later turn, alike. Pure; rows are
// asked for by yielding, so that a search neither reads all that is promised nor does any reading itself.
//
// The promise: buckets that a stretch of the window's length can touch, wherever it begins, never sum up to more than the
// limit. That holds for exact times within the buckets too, at the price of counting one bucket more than the window has.

/** As the database has it, under a lock or for looking only. */
export type LedgerState = {
  readonly quotaId: number;
  readonly limit: number;
  readonly windowMs: number;
  readonly bucketMs: number;
  /** No bucket before this one has room; null: nobody knows. */
  readonly fullUntil: number | null;
};

/** Usage from one bucket on, in order; `isAll` when there is nothing behind the last one. */
export type UsageRows = {
  readonly rows: readonly (readonly [bucket: number, used: number])[];
  readonly isAll: boolean;
};

/** Asks for rows from a bucket on, enough of them to get past `toBucket`. */
export type Need = { readonly ledger: Ledger; readonly fromBucket: number; readonly toBucket: number };

/** Something that can only be told after rows were read. */
export type Reading<T> = Generator<Need, T, void>;

export class Ledger {
  readonly quotaId: number;
  readonly limit: number;
  readonly bucketMs: number;
  /** Buckets that a window's length can touch, less one. */
  readonly reach: number;
  /** Bucket in which the present is: nothing is placed before it. */
  readonly present: number;
  /** Units of this transaction, by bucket. */
  readonly added = new Map<number, number>();
  readonly #stored = new Map<number, number>();
  readonly #known: { from: number; to: number }[] = [];
  #fullUntil: number;

  constructor(state: LedgerState, nowMs: number) {
    this.quotaId = state.quotaId;
    this.limit = state.limit;
    this.bucketMs = state.bucketMs;
    this.reach = Math.ceil(state.windowMs / state.bucketMs);
    this.present = this.bucketAt(nowMs);
    this.#fullUntil = Math.max(state.fullUntil ?? this.present, this.present);
  }

  get fullUntil(): number {
    return this.#fullUntil;
  }

  bucketAt(ms: number): number {
    return Math.floor(ms / this.bucketMs);
  }

  startOf(bucket: number): number {
    return bucket * this.bucketMs;
  }

  /** Takes in rows that were read from `fromBucket` on. */
  load(fromBucket: number, { rows, isAll }: UsageRows): void {
    for (const [bucket, used] of rows) this.#stored.set(bucket, used);
    const to = isAll ? Number.POSITIVE_INFINITY : (rows.at(-1)?.[0] ?? fromBucket - 1);
    this.#known.push({ from: fromBucket, to });
  }

  add(bucket: number, units: number): void {
    this.added.set(bucket, (this.added.get(bucket) ?? 0) + units);
  }

  /** Takes back what `add` did, and what was concluded from it. */
  restore(bucket: number, units: number, fullUntil: number): void {
    this.add(bucket, -units);
    this.#fullUntil = fullUntil;
  }

  /** How many units may be added to the bucket. */
  *roomIn(bucket: number): Reading<number> {
    if (bucket < this.#fullUntil) return 0;
    return (yield* this.#look(bucket, 1)).room;
  }

  /** The first bucket from this one on that has room for so many units; null when there is none up to `last`. */
  *firstRoom(from: number, units: number, last: number): Reading<number | null> {
    if (units > this.limit) return null;
    let bucket = Math.max(from, this.#fullUntil);
    while (bucket <= last) {
      const { next } = yield* this.#look(bucket, units);
      if (next === bucket) return bucket;
      bucket = next;
    }
    return null;
  }

  /** Moves the mark behind what is full without a gap. Each bucket is walked over once, whoever does it. */
  *extendFullUntil(last: number): Reading<void> {
    while (this.#fullUntil <= last) {
      const { next } = yield* this.#look(this.#fullUntil, 1);
      if (next === this.#fullUntil) return;
      this.#fullUntil = next;
    }
  }

  /** The room in a bucket, and the bucket behind the last window around it that so many units would not fit into. */
  *#look(bucket: number, units: number): Reading<{ room: number; next: number }> {
    const { reach, limit } = this;
    const first = bucket - reach;
    if (!this.#knows(first, bucket + reach)) yield { ledger: this, fromBucket: first, toBucket: bucket + reach };
    let sum = 0;
    for (let i = first; i <= bucket; i += 1) sum += this.#used(i);
    let fullest = sum;
    let next = sum + units > limit ? bucket + 1 : bucket;
    // Windows by their first bucket: all of those that the bucket is in.
    for (let start = first + 1; start <= bucket; start += 1) {
      sum += this.#used(start + reach) - this.#used(start - 1);
      if (sum > fullest) fullest = sum;
      if (sum + units > limit) next = start + reach + 1;
    }
    // A limit that was lowered may have been exceeded already.
    return { room: Math.max(0, limit - fullest), next };
  }

  #used(bucket: number): number {
    return (this.#stored.get(bucket) ?? 0) + (this.added.get(bucket) ?? 0);
  }

  #knows(from: number, to: number): boolean {
    return this.#known.some(stretch => stretch.from <= from && to <= stretch.to);
  }
}
