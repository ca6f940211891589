// Quotas in memory: what the database keeps between transactions, and an oracle that looks at everything.
import { Ledger, type LedgerState, type Reading } from '../../../relay/quota/ledger.ts';
import type { Placement } from '../../../relay/quota/reserve.ts';

export type ModelQuota = { readonly limit: number; readonly windowMs: number; readonly bucketMs: number };

/** Keeps usage and the mark of fullness as the tables do; each transaction gets ledgers that know nothing yet. */
export class ModelStore {
  readonly quotas: readonly ModelQuota[];
  readonly #usage: Map<number, number>[];
  readonly #fullUntil: (number | null)[];
  reads = 0;

  constructor(quotas: readonly ModelQuota[]) {
    this.quotas = quotas;
    this.#usage = quotas.map(() => new Map());
    this.#fullUntil = quotas.map(() => null);
  }

  transaction(now: number, use: (ledgers: Ledger[]) => Reading<Placement>): Placement {
    const ledgers = this.quotas.map((quota, quotaId) => {
      const state: LedgerState = { quotaId, ...quota, fullUntil: this.#fullUntil[quotaId]! };
      return new Ledger(state, now);
    });
    const placement = this.#answer(use(ledgers));
    for (const { quotaId, added, fullUntil, present } of ledgers) {
      const usage = this.#usage[quotaId]!;
      for (const [bucket, units] of added) usage.set(bucket, (usage.get(bucket) ?? 0) + units);
      this.#fullUntil[quotaId] = fullUntil > present ? fullUntil : null;
    }
    return placement;
  }

  /** As few rows at a time as are of use. */
  #answer<T>(reading: Reading<T>): T {
    for (;;) {
      const step = reading.next();
      if (step.done) return step.value;
      this.reads += 1;
      const { ledger, fromBucket, toBucket } = step.value;
      const all = [...this.#usage[ledger.quotaId]!]
        .filter(([bucket]) => bucket >= fromBucket)
        .sort(([a], [b]) => a - b);
      const rows = all.slice(0, toBucket - fromBucket + 2);
      ledger.load(fromBucket, { rows, isAll: rows.length === all.length });
    }
  }
}

/** Looks at every bucket and every window, one after the other. */
export class Oracle {
  readonly #quotas: readonly ModelQuota[];
  readonly #used: Map<number, number>[];

  constructor(quotas: readonly ModelQuota[]) {
    this.#quotas = quotas;
    this.#used = quotas.map(() => new Map());
  }

  /** The earliest time from `from` on at which each named quota takes one more, which it then does. */
  take(quotaIds: readonly number[], from: number): number {
    const at = this.#earliest(quotaIds, from);
    for (const id of quotaIds) {
      const bucket = Math.floor(at / this.#quotas[id]!.bucketMs);
      this.#used[id]!.set(bucket, (this.#used[id]!.get(bucket) ?? 0) + 1);
    }
    return at;
  }

  #earliest(quotaIds: readonly number[], from: number): number {
    for (let at = from; ; at = this.#nextBucketStart(quotaIds, at)) {
      if (quotaIds.every(id => this.#takesOneMore(id, at))) return at;
    }
  }

  #nextBucketStart(quotaIds: readonly number[], at: number): number {
    const starts = quotaIds.map(id => {
      const { bucketMs } = this.#quotas[id]!;
      return (Math.floor(at / bucketMs) + 1) * bucketMs;
    });
    return Math.min(...starts);
  }

  #takesOneMore(id: number, at: number): boolean {
    const { limit, windowMs, bucketMs } = this.#quotas[id]!;
    const bucket = Math.floor(at / bucketMs);
    const touched = Math.ceil(windowMs / bucketMs) + 1;
    for (let first = bucket - touched + 1; first <= bucket; first += 1) {
      let sum = 0;
      for (let i = first; i < first + touched; i += 1) sum += this.#used[id]!.get(i) ?? 0;
      if (sum + 1 > limit) return false;
    }
    return true;
  }
}

/** The most that any stretch of the window's length sees, whenever it begins. */
export function mostInAnyWindow(times: readonly number[], windowMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  for (let from = 0, to = 0; to < sorted.length; to += 1) {
    while (sorted[to]! - sorted[from]! >= windowMs) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
}
