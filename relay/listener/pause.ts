// Holds back what a session says, and what it reads next, for a while; then all of it, in order. What the client sends
// meanwhile stays in its socket: the wire takes nothing more before its last command is done with.

export class Pause {
  #timer: NodeJS.Timeout | null = null;
  #held: (() => void)[] = [];

  /** From now on `run` waits, for as long. */
  begin(ms: number): void {
    if (ms <= 0 || this.#timer) return;
    this.#timer = setTimeout(() => this.#end(), ms).unref();
  }

  /** At once, or when the pause is over. */
  run(action: () => void): void {
    if (this.#timer) this.#held.push(action);
    else action();
  }

  /** What was held is never done. */
  cancel(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    this.#held = [];
  }

  #end(): void {
    this.#timer = null;
    const held = this.#held;
    this.#held = [];
    // Any of them may begin the next pause; the rest then waits for that one.
    for (const action of held) this.run(action);
  }
}
