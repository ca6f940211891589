// Writes down when circuits open and close, for `upstream list` and `event list`. One after the other; while the database
// is away, what happened is only in the log.
import type { Logger } from '../../src/platform/log.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import { recordUpstreamChange } from '../../src/store/upstream-changes.ts';
import type { UpstreamChange } from './circuit.ts';

export class UpstreamDiary {
  readonly #pool: Pool;
  readonly #node: string;
  readonly #log: Logger;
  readonly #down = new Set<string>();
  #writing: Promise<void> = Promise.resolve();

  constructor(pool: Pool, node: string, log: Logger) {
    this.#pool = pool;
    this.#node = node;
    this.#log = log;
  }

  /** An earlier run of this node may have ended while they were down; this one believes in them. */
  begin(upstreams: readonly string[]): void {
    for (const upstream of upstreams) this.note({ upstream, kind: 'upstream-up', why: { reason: 'started' } });
  }

  note(change: UpstreamChange): void {
    if (change.kind === 'upstream-down') this.#down.add(change.upstream);
    else this.#down.delete(change.upstream);
    this.#writing = this.#writing
      .then(() => recordUpstreamChange(this.#pool, { ...change, node: this.#node }))
      .catch(error => this.#log.debug({ err: error, ...change }, 'not written down'));
  }

  /** A node that is gone says nothing of upstreams: the next one may have another name. Resolves when all is written. */
  stop(): Promise<void> {
    for (const upstream of [...this.#down]) this.note({ upstream, kind: 'upstream-up', why: { reason: 'stopped' } });
    return this.#writing;
  }
}
