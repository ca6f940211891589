import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pacer } from '../../../relay/upstreams/pacer.ts';

// The pacer's clock is the platform's: it is moved here, not waited for.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const never = new AbortController().signal;
const pacerOf = (ratePerSecond: number | null) => new Pacer({ name: 'x', ratePerSecond, warmup: null });

/** How many turns come at once. */
async function turnsNow(pacer: Pacer, asked: number): Promise<number> {
  const abort = new AbortController();
  let turns = 0;
  const all = Array.from({ length: asked }, () =>
    pacer.turn(abort.signal).then(
      () => (turns += 1),
      () => undefined,
    ),
  );
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  abort.abort();
  await Promise.all(all);
  return turns;
}

describe('the pacer', () => {
  it('lets everything go at once without a rate', async () => {
    expect(await turnsNow(pacerOf(null), 100)).toBe(100);
  });

  it("lets a second's worth go at once after a pause, and no more", async () => {
    vi.advanceTimersByTime(60_000);
    expect(await turnsNow(pacerOf(10), 100)).toBe(10);
  });

  it('lets one go at once when the rate is below one a second', async () => {
    vi.advanceTimersByTime(60_000);
    expect(await turnsNow(pacerOf(1 / 60), 5)).toBe(1);
  });

  it('ends the wait when it is told to', async () => {
    vi.advanceTimersByTime(60_000);
    const pacer = pacerOf(1);
    await pacer.turn(never);
    const abort = new AbortController();
    const waiting = pacer.turn(abort.signal);
    abort.abort(new Error('shutting down'));
    await expect(waiting).rejects.toThrow();
  });
});
