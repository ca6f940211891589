// Writes what attempts came to, many at a time. When the database is away the outcome waits here and is written as soon
// as it is back: an outcome that is forgotten is a message sent twice.
import { setTimeout as sleep } from 'node:timers/promises';
import { Batch } from '../../src/platform/batch.ts';
import type { Logger } from '../../src/platform/log.ts';
import { isDataError, type Pool } from '../../src/platform/postgres.ts';
import { type Progress, recordProgress } from '../../src/store/deliveries.ts';

const MAX_BATCH_ITEMS = 500;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

export class Recorder {
  readonly #batch: Batch<Progress, boolean>;
  readonly #log: Logger;
  /** Outcomes that the database has not taken yet, after a failure. */
  #stuck = 0;

  constructor(pool: Pool, holder: string, log: Logger) {
    this.#log = log;
    this.#batch = new Batch<Progress, boolean>({
      write: items => this.#write(pool, holder, items),
      maxItems: MAX_BATCH_ITEMS,
      maxBytes: Number.POSITIVE_INFINITY,
      bytesOf: () => 0,
      isOneItemsFault: isDataError,
    });
  }

  /** Whether outcomes wait for the database: whoever claims now could claim what is already delivered. */
  get isStuck(): boolean {
    return this.#stuck > 0;
  }

  /**
   * Resolves when it is committed, with whether the lease was still held; tries until then, or until the signal aborts.
   */
  async record(progress: Progress, signal: AbortSignal): Promise<boolean> {
    let failures = 0;
    for (;;) {
      try {
        const held = await this.#batch.add(progress);
        if (failures > 0) this.#stuck -= 1;
        return held;
      } catch (error) {
        if (isDataError(error)) {
          // It would be refused for ever, and all that comes behind it would wait. The lease brings the delivery back.
          if (failures > 0) this.#stuck -= 1;
          this.#log.error({ err: error, messageId: progress.changes[0]?.messageId }, 'outcome cannot be written');
          return false;
        }
        if (failures === 0) this.#stuck += 1;
        failures += 1;
        this.#log.warn({ err: error, failures }, 'outcome not written yet');
        await sleep(Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS), undefined, { signal });
      }
    }
  }

  async #write(pool: Pool, holder: string, items: readonly Progress[]): Promise<boolean[]> {
    const changed = await recordProgress(pool, holder, {
      ended: items.flatMap(item => item.ended),
      opened: items.flatMap(item => item.opened),
      changes: items.flatMap(item => item.changes),
    });
    const done = new Set(changed.map(({ messageId, n }) => `${messageId}.${n}`));
    return items.map(({ changes }) => {
      const lost = changes.filter(({ messageId, n }) => !done.has(`${messageId}.${n}`));
      for (const { messageId, n } of lost) {
        this.#log.warn({ event: 'lease-lost', messageId, deliveryId: `${messageId}.${n}` }, 'lease-lost');
      }
      return lost.length === 0;
    });
  }
}
