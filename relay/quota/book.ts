// The quotas of one transaction, or of one look: their ledgers, and the rows that searching them asks for.
import type { PoolClient } from 'pg';
import type { Pool } from '../../src/platform/postgres.ts';
import { type QuotaState, readMoreUsage, readUsage } from '../../src/store/quota-usage.ts';
import type { Quota } from '../../src/store/quotas.ts';
import { Ledger, type Reading } from './ledger.ts';
import type { Match } from './match.ts';
import type { Ledgers, Order } from './reserve.ts';

export type Entry = { readonly state: QuotaState; readonly ledger: Ledger };

/** Two windows and a little: what one look takes, when each bucket has a row. */
const FIRST_ROWS = 130;
const MOST_ROWS = 16_384;

export class Book {
  /** The database's clock. */
  readonly now: number;
  readonly entries = new Map<number, Entry>();
  readonly #db: Pool | PoolClient;

  static async open(db: Pool | PoolClient, quotaIds: readonly number[]): Promise<Book> {
    return new Book(db, await readUsage(db, quotaIds, FIRST_ROWS));
  }

  private constructor(db: Pool | PoolClient, { now, quotas }: Awaited<ReturnType<typeof readUsage>>) {
    this.#db = db;
    this.now = now;
    for (const { usage, fromBucket, ...state } of quotas) {
      const ledger = new Ledger(state, now);
      ledger.load(fromBucket, { rows: usage, isAll: usage.length < FIRST_ROWS });
      this.entries.set(state.quotaId, { state, ledger });
    }
  }

  /** Runs a search and reads what it asks for, twice as much each time. */
  async read<T>(reading: Reading<T>): Promise<T> {
    let limit = FIRST_ROWS;
    for (;;) {
      const step = reading.next();
      if (step.done) return step.value;
      const { ledger, fromBucket, toBucket } = step.value;
      limit = Math.max(Math.min(limit * 2, MOST_ROWS), toBucket - fromBucket + 2);
      const rows = await readMoreUsage(this.#db, { quotaId: ledger.quotaId, fromBucket, limit });
      ledger.load(fromBucket, { rows, isAll: rows.length < limit });
    }
  }

  /** With the ledgers in the place of quotas. Those that were removed meanwhile are left out. */
  order({ common, groups }: Match): Order {
    return {
      common: this.#ledgers(common),
      groups: groups.map(({ recipients, quotas }) => ({ recipients, ledgers: this.#ledgers(quotas) })),
    };
  }

  #ledgers(quotas: readonly Quota[]): Ledgers {
    const found = quotas.flatMap(({ quotaId }) => this.entries.get(quotaId) ?? []);
    const counting = (what: Quota['counts']) =>
      found.filter(({ state }) => state.counts === what).map(({ ledger }) => ledger);
    return { messages: counting('messages'), recipients: counting('recipients') };
  }
}
