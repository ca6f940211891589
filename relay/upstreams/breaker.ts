// Whether an upstream is worth trying: a pure state machine. It opens when the upstream cannot be talked to, when it says
// that it takes nothing from us (account suspended, credit used up), and when too many of its last answers were its own
// trouble. While it is open, connections without mail feel out whether the upstream is back, after pauses that grow; then
// a single delivery may go, and its success closes it. So an outage costs a message one attempt, not one for each look.

/** Why it is open: no conversation, or a host that closes; the login; the account; its answers. */
export type Cause = 'unreachable' | 'login-refused' | 'account-closed' | 'error-rate';

export type Breaker = {
  /** Failures in a row; 0 = closed. */
  readonly failures: number;
  /** Of a delivery while open: not yet, one may go, one is under way. */
  readonly trial: 'no' | 'allowed' | 'running';
  readonly openedAt: number;
  /** What happened last, for people. */
  readonly lastError: string | null;
  readonly cause: Cause;
  /** How long its last reply asked to wait; null = it did not. */
  readonly retryAfterMs: number | null;
  /** Its last answers while closed, oldest first: whether the trouble was its own. */
  readonly recent: readonly boolean[];
};

/** What an attempt tells about the upstream itself. */
export type Lesson =
  | { readonly kind: 'well' }
  /** It answered, and what it says is its own trouble: too fast, relaying denied, storage. */
  | { readonly kind: 'troubled'; readonly error: string; readonly retryAfterMs: number | null }
  | {
      readonly kind: 'down';
      readonly error: string;
      readonly cause: Cause;
      readonly retryAfterMs: number | null;
    };

/** So many answers are remembered; less than half of them prove nothing. */
export const RECENT = 20;
const FEWEST = 10;
const WORST_SHARE = 0.5;

const PAUSES: Readonly<Record<Cause, { readonly firstMs: number; readonly longestMs: number }>> = {
  /** Looking at a closed port costs next to nothing, and an app waits at the other end. */
  unreachable: { firstMs: 500, longestMs: 4_000 },
  /** A refused login costs the account: providers lock those that keep knocking with a wrong password. */
  'login-refused': { firstMs: 500, longestMs: 60_000 },
  /** Only a delivery tells whether it is open again, and each costs a message a detour: people mend accounts slowly. */
  'account-closed': { firstMs: 30_000, longestMs: 300_000 },
  'error-rate': { firstMs: 5_000, longestMs: 60_000 },
};
/** Longer than this nobody is waited for, whatever they say. */
const LONGEST_TOLD_MS = 3_600_000;

export const CLOSED: Breaker = {
  ...{ failures: 0, trial: 'no', openedAt: 0, lastError: null, cause: 'unreachable', retryAfterMs: null, recent: [] },
};

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

/** After an attempt, or a look that failed. */
export function learned(breaker: Breaker, lesson: Lesson, now: number): Breaker {
  switch (lesson.kind) {
    case 'down':
      return opened(breaker, lesson, now);
    case 'well':
      return isOpen(breaker) ? closedBy(breaker) : remembering(breaker, false);
    case 'troubled':
      return isOpen(breaker) ? stillTroubled(breaker, lesson, now) : countingTrouble(breaker, lesson, now);
  }
}

/** How long after a failure to look again. */
export function pauseMs({ failures, cause, retryAfterMs }: Breaker): number {
  const { firstMs, longestMs } = PAUSES[cause];
  const pause = Math.min(firstMs * 2 ** Math.min(failures - 1, 10), longestMs);
  return retryAfterMs === null ? pause : Math.min(Math.max(retryAfterMs, firstMs), LONGEST_TOLD_MS);
}

/** It answered a connection without mail, or the trial ended without telling anything. */
export function answered(breaker: Breaker): Breaker {
  return isOpen(breaker) ? { ...breaker, trial: 'allowed' } : breaker;
}

function opened(breaker: Breaker, { error, cause, retryAfterMs }: Lesson & { kind: 'down' }, now: number): Breaker {
  // Those that were under way together hear the same of the account; only a trial makes the next pause longer.
  const isEcho =
    isOpen(breaker) && breaker.trial !== 'running' && cause === 'account-closed' && cause === breaker.cause;
  return {
    failures: breaker.failures + (isEcho ? 0 : 1),
    trial: 'no',
    openedAt: isOpen(breaker) ? breaker.openedAt : now,
    lastError: error,
    ...{ cause, retryAfterMs, recent: [] },
  };
}

/**
 * An upstream that could be reached again is believed. One that was shut for what it said is believed by its trial only:
 * messages that were under way before prove nothing.
 */
function closedBy(breaker: Breaker): Breaker {
  const wasUnreachable = breaker.cause === 'unreachable' || breaker.cause === 'login-refused';
  return wasUnreachable || breaker.trial === 'running' ? CLOSED : breaker;
}

/** It can be talked to again: that closes it, unless its answers were why it is open. */
function stillTroubled(breaker: Breaker, lesson: Lesson & { kind: 'troubled' }, now: number): Breaker {
  if (breaker.cause === 'unreachable' || breaker.cause === 'login-refused') return remembering(CLOSED, true);
  return breaker.trial === 'running'
    ? opened(breaker, { ...lesson, kind: 'down', cause: breaker.cause }, now)
    : breaker;
}

function countingTrouble(breaker: Breaker, lesson: Lesson & { kind: 'troubled' }, now: number): Breaker {
  const after = remembering(breaker, true);
  const troubled = after.recent.filter(Boolean).length;
  const isTooMuch = after.recent.length >= FEWEST && troubled / after.recent.length >= WORST_SHARE;
  if (!isTooMuch) return after;
  const error = `${troubled} of the last ${after.recent.length} answers were its own trouble, the last: ${lesson.error}`;
  return opened(breaker, { ...lesson, kind: 'down', cause: 'error-rate', error }, now);
}

function remembering(breaker: Breaker, wasTroubled: boolean): Breaker {
  // One that is always well has nothing new to remember: the usual case costs nothing.
  if (!wasTroubled && breaker.recent.length === RECENT && !breaker.recent.includes(true)) return breaker;
  return { ...breaker, recent: [...breaker.recent, wasTroubled].slice(-RECENT) };
}
