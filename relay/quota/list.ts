// The list of all quotas, in memory: mail that falls under none must not cost a query. Read every second, as nothing in
// the way of a message could ask for it in time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../src/platform/log.ts';
import type { Quota } from '../../src/store/quotas.ts';
import { indexQuotas, type QuotaIndex } from './match.ts';

const READ_EVERY_MS = 1_000;

export class QuotaList {
  readonly #read: () => Promise<readonly Quota[]>;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #current: QuotaIndex = indexQuotas([]);
  #reading: Promise<void> = Promise.resolve();
  #isStale = false;

  constructor(read: () => Promise<readonly Quota[]>, log: Logger) {
    this.#read = read;
    this.#log = log;
  }

  get current(): QuotaIndex {
    return this.#current;
  }

  /** Resolves when the list was read for the first time. */
  async start(): Promise<void> {
    this.#current = indexQuotas(await this.#read());
    this.#reading = this.#keepReading(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#reading;
  }

  async #keepReading(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(READ_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.#refresh();
    }
  }

  /** While the database is away the last list holds: no mail is taken then anyway. */
  async #refresh(): Promise<void> {
    try {
      this.#current = indexQuotas(await this.#read());
      this.#isStale = false;
    } catch (error) {
      if (!this.#isStale) this.#log.warn({ err: error }, 'quotas cannot be read');
      this.#isStale = true;
    }
  }
}
