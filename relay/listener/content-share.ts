// What the content of one message may take while it comes: memory, out of a budget that all sessions share, and time.
import { type Reply, reply } from '../../src/mail/reply.ts';
import type { ByteBudget } from '../../src/platform/byte-budget.ts';
import type { ContentCollector } from './content-collector.ts';

export type SharePatience = {
  /** For the content of one message, from DATA to its last dot; the time in which we make it wait is not counted. */
  readonly contentMs: number;
  /** How often a message that holds a share of the memory must have brought something. */
  readonly paceMs: number;
};

/** A message that stays below is read without asking the budget. */
const FREE_BYTES = 262_144;
const MIN_BYTES_PER_SECOND = 64;

export class ContentShare {
  readonly #budget: ByteBudget;
  readonly #patience: SharePatience;
  readonly #limit: number;
  readonly #onTooSlow: (answer: Reply) => void;
  readonly #over = new AbortController();
  #held = 0;
  #isAsked = false;
  #deadline: NodeJS.Timeout | null = null;
  #pace: NodeJS.Timeout | null = null;

  /** `limitBytes`: all that the message may come to. */
  constructor(budget: ByteBudget, patience: SharePatience, limitBytes: number, onTooSlow: (answer: Reply) => void) {
    this.#budget = budget;
    this.#patience = patience;
    this.#limit = limitBytes;
    this.#onTooSlow = onTooSlow;
    this.#startDeadline();
  }

  /** Asked after each read; a promise when the next one must wait for memory. */
  grow(collector: ContentCollector): Promise<void> | null {
    if (collector.stored <= FREE_BYTES || this.#isAsked) return null;
    this.#isAsked = true;
    const granted = () => {
      this.#held = this.#limit;
      this.#startDeadline();
      this.#watchPace(collector);
    };
    // All that it may take, at once: whoever waits for a second helping while holding a first one blocks everybody.
    if (!this.#budget.tryTake(this.#limit)) {
      clearTimeout(this.#deadline ?? undefined);
      return this.#budget.take(this.#limit, this.#over.signal).then(granted, () => undefined);
    }
    granted();
    return null;
  }

  /** All of it has come: only the memory is held on to, until `end`. */
  stopClocks(): void {
    clearTimeout(this.#deadline ?? undefined);
    clearInterval(this.#pace ?? undefined);
  }

  end(): void {
    this.stopClocks();
    this.#over.abort(new Error('message ended'));
    if (this.#held > 0) this.#budget.give(this.#held);
    this.#held = 0;
  }

  #startDeadline(): void {
    clearTimeout(this.#deadline ?? undefined);
    const late = () => this.#onTooSlow(reply(421, '4.4.2', 'Message took too long'));
    this.#deadline = setTimeout(late, this.#patience.contentMs).unref();
  }

  /** Who holds a share of the memory and sends next to nothing holds up all who wait for one (THREATS 16). */
  #watchPace(collector: ContentCollector): void {
    const { paceMs } = this.#patience;
    let before = collector.received;
    this.#pace = setInterval(() => {
      const came = collector.received - before;
      before = collector.received;
      if (came < (MIN_BYTES_PER_SECOND * paceMs) / 1_000) {
        this.#onTooSlow(reply(421, '4.4.2', 'Message comes too slowly'));
      }
    }, paceMs).unref();
  }
}
