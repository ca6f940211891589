// Something done again and again in the background: at once while there is more to do, else after a pause, and after
// trouble a longer one.
import { setTimeout as sleep } from 'node:timers/promises';

export type Rounds = {
  /** Waits for the round under way. */
  stop(): Promise<void>;
};

export type RoundsOptions = {
  /** Whether there is more to do at once. */
  readonly round: () => Promise<boolean>;
  readonly everyMs: number;
  readonly afterTroubleMs: number;
  readonly onTrouble: (error: unknown) => void;
};

/** Until it is stopped. */
export function startRounds(options: RoundsOptions): Rounds {
  const stop = new AbortController();
  const running = run(options, stop.signal);
  return {
    async stop() {
      stop.abort();
      await running;
    },
  };
}

async function run({ round, everyMs, afterTroubleMs, onTrouble }: RoundsOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const pauseMs = await round().then(
      isMore => (isMore ? 0 : everyMs),
      error => {
        if (!signal.aborted) onTrouble(error);
        return afterTroubleMs;
      },
    );
    if (pauseMs > 0) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}
