// Whether an upstream is worth trying: a pure state machine. It opens when the upstream cannot be talked to; while it is
// open, connections without mail feel out whether the upstream is back, after pauses that grow; then a single delivery
// may go, and its success closes it. So an outage costs a message one attempt, not one for each look.

export type Breaker = {
  /** Failures in a row; 0 = closed. */
  readonly failures: number;
  /** Of a delivery while open: not yet, one may go, one is under way. */
  readonly trial: 'no' | 'allowed' | 'running';
  readonly openedAt: number;
  /** What happened last, for people. */
  readonly lastError: string | null;
  /** Whether it was the login that failed last. */
  readonly isLoginRefused: boolean;
};

const FIRST_PAUSE_MS = 500;
/** Looking at a closed port costs next to nothing, and an app waits at the other end. */
const LONGEST_PAUSE_MS = 4_000;
/** A refused login costs the account: providers lock those that keep knocking with a wrong password. */
const LONGEST_LOGIN_PAUSE_MS = 60_000;

export const CLOSED: Breaker = { failures: 0, trial: 'no', openedAt: 0, lastError: null, isLoginRefused: false };

export function isOpen(breaker: Breaker): boolean {
  return breaker.failures > 0;
}

/** Whether a delivery may be sent there now. */
export function admits(breaker: Breaker): boolean {
  return breaker.failures === 0 || breaker.trial === 'allowed';
}

/** A delivery that `admits` let through begins. */
export function begun(breaker: Breaker): Breaker {
  return isOpen(breaker) ? { ...breaker, trial: 'running' } : breaker;
}

export function failed(breaker: Breaker, now: number, error: string, isLoginRefused = false): Breaker {
  return {
    failures: breaker.failures + 1,
    trial: 'no',
    openedAt: isOpen(breaker) ? breaker.openedAt : now,
    lastError: error,
    isLoginRefused,
  };
}

/** How long after a failure to look again. */
export function pauseMs({ failures, isLoginRefused }: Breaker): number {
  const longest = isLoginRefused ? LONGEST_LOGIN_PAUSE_MS : LONGEST_PAUSE_MS;
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10), longest);
}

/** It answered a connection without mail, or the trial ended without telling anything. */
export function answered(breaker: Breaker): Breaker {
  return isOpen(breaker) ? { ...breaker, trial: 'allowed' } : breaker;
}
