// Those for whom there was no room in memory: each is told when to come again, one behind the other, and all are called
// sooner should there be room sooner.

/** Whoever is called sooner comes sooner; this is for those who are forgotten, by a process that ended. */
const LONGEST_WAIT_MS = 600_000;
const SHORTEST_WAIT_MS = 1_000;

export class SentAway {
  #toldUntil = 0;
  /** An earlier run of this process may have left some in the database. */
  #some = true;
  #isNew = false;

  /** Whether there may be some. */
  get some(): boolean {
    return this.#some;
  }

  /** When one more is to come again, in milliseconds: behind those who wait here, and those who were told before. */
  sendAway(eachMs: number, waitMs: number, now: number): number {
    const at = Math.max(this.#toldUntil, now + Math.max(SHORTEST_WAIT_MS, waitMs)) + eachMs;
    this.#toldUntil = Math.min(at, now + LONGEST_WAIT_MS);
    this.#some = true;
    this.#isNew = true;
    return this.#toldUntil - now;
  }

  /**
   * Asked now and then: whoever was sent away right before the others were called was not written down yet, and would wait
   * until the time that it was told.
   */
  recall(): void {
    if (this.#isNew) this.#some = true;
    this.#isNew = false;
  }

  /** They are asked to come; all of them, or there are more. */
  called(all: boolean): void {
    this.#some = !all;
    this.#toldUntil = 0;
  }
}
