// Waiting for what happens elsewhere: asks again until it is so, or until the deadline, which then tells the last failure.
import { setTimeout as sleep } from 'node:timers/promises';

const ASK_AGAIN_MS = 10;

/** Repeats until the attempt does not throw, and returns what it returned. */
export async function eventually<T>(attempt: () => T | Promise<T>, withinMs = 15_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(ASK_AGAIN_MS);
    }
  }
}
