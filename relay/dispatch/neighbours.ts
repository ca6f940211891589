// How many dispatchers send at the same time, this one among them: what is allowed to all of them together is shared by that
// number. Each keeps a row in the database. While that is away, the last known number holds: the others are as likely to
// be there as before, and a share too small costs time only.
import type { Logger } from '../../src/platform/log.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import { type Saying, sayGoodbye, sayThatOneIsThere } from '../../src/store/dispatchers.ts';

/** What those who share need of it. */
export type Neighbourhood = {
  /** Dispatchers, this one included. */
  readonly count: number;
  /** Calls back whenever the number has changed, until what it returns is called. */
  onChange(listener: (count: number) => void): () => void;
};

export type NeighboursOptions = {
  readonly pool: Pool;
  /** `node:run`, as leases are held under it. */
  readonly holder: string;
  readonly node: string;
  /** What this one goes by now. */
  readonly goesBy: () => Pick<Saying, 'upstreams' | 'settingsDigest'>;
  readonly log: Logger;
};

const EVERY_MS = 5_000;

export class Neighbours implements Neighbourhood {
  readonly #options: NeighboursOptions;
  readonly #listeners = new Set<(count: number) => void>();
  #count = 1;
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: NeighboursOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  onChange(listener: (count: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the others are known, and can know of this one. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.look(), EVERY_MS);
    await this.look();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#looking;
    const { pool, holder, log } = this.#options;
    await sayGoodbye(pool, holder).catch(error => log.debug({ err: error }, 'dispatcher row left to be forgotten'));
  }

  /** Says that this one is there, and counts. Never throws. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { pool, holder, node, goesBy, log } = this.#options;
    try {
      this.#take(1 + (await sayThatOneIsThere(pool, { holder, node, ...goesBy() })));
    } catch (error) {
      log.debug({ err: error }, 'neighbours not counted');
    }
  }

  #take(count: number): void {
    if (count === this.#count) return;
    this.#count = count;
    this.#options.log.info({ event: 'dispatchers', count }, 'dispatchers at work');
    for (const listener of this.#listeners) listener(count);
  }
}
