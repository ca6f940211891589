// Whether an upstream is worth trying: a pure state machine. It opens when the upstream cannot be reached, lets a single
// delivery through after a pause that grows, and closes with the first success.

export type Breaker = {
  /** Failures in a row; 0 = closed. */
  readonly failures: number;
  /** When the next try may go. */
  readonly retryAt: number;
  /** A try is under way while open. */
  readonly probing: boolean;
  readonly openedAt: number;
  /** What happened last, for people. */
  readonly lastError: string | null;
};

const FIRST_PAUSE_MS = 500;
/** Looking at a closed port costs next to nothing, and an app waits at the other end. */
const LONGEST_PAUSE_MS = 4_000;

export const CLOSED: Breaker = { failures: 0, retryAt: 0, probing: false, openedAt: 0, lastError: null };

export function isOpen(breaker: Breaker): boolean {
  return breaker.failures > 0;
}

/** Whether a delivery may be sent there now. */
export function admits(breaker: Breaker, now: number): boolean {
  return breaker.failures === 0 || (!breaker.probing && now >= breaker.retryAt);
}

/** A delivery that `admits` let through begins. */
export function begun(breaker: Breaker): Breaker {
  return breaker.failures === 0 ? breaker : { ...breaker, probing: true };
}

export function succeeded(): Breaker {
  return CLOSED;
}

export function failed(breaker: Breaker, now: number, error: string): Breaker {
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(breaker.failures, 10), LONGEST_PAUSE_MS);
  return {
    failures: breaker.failures + 1,
    retryAt: now + pause,
    probing: false,
    openedAt: breaker.failures === 0 ? now : breaker.openedAt,
    lastError: error,
  };
}

/** A try ended without telling anything about the upstream. */
export function inconclusive(breaker: Breaker): Breaker {
  return { ...breaker, probing: false };
}
