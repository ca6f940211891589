// Whether an upstream is worth trying: a pure state machine. It opens when the upstream cannot be talked to, when it says
// that it takes nothing from us (account suspended, credit used up), and when too many of its last answers were its own
// trouble; and by hand. While it is open, connections without mail feel out whether the upstream is back, after pauses that
// grow; then a single delivery may go, and its success closes it; where nobody had answered and no delivery comes, so does
// a second answer (circuit-looks.ts). So an outage costs a message one attempt, not one for each look. Of several
// processes one at a time looks and tries (circuit-watch.ts); the others follow.

/** Why it is open: no conversation, or a host that closes; the login; the account; its answers; a person. */
export type Cause = 'unreachable' | 'login-refused' | 'account-closed' | 'error-rate' | 'by-hand';

export type Breaker = {
  /** When it opened, and each look and each trial that failed since; 0 = closed. */
  readonly failures: number;
  /** While open: none, it is being looked at, one delivery may go, one is under way. */
  readonly trial: 'no' | 'looking' | 'allowed' | 'running';
  readonly openedAt: number;
  /** What happened last, for people. */
  readonly lastError: string | null;
  readonly cause: Cause;
  /** How long its last reply asked to wait; null = it did not. */
  readonly retryAfterMs: number | null;
  /** Its last answers while closed, oldest first: whether the trouble was its own. */
  readonly recent: readonly boolean[];
};

/** What an attempt tells about the upstream itself; with the rule by which a reply was read, for people. */
export type Lesson =
  | { readonly kind: 'well' }
  /** It answered, and what it says is its own trouble: too fast, relaying denied, storage. */
  | { readonly kind: 'troubled'; readonly error: string; readonly retryAfterMs: number | null; readonly rule?: string }
  | {
      readonly kind: 'down';
      readonly error: string;
      readonly cause: Cause;
      readonly retryAfterMs: number | null;
      readonly rule?: string;
    };

/** What all processes know of it. */
export type Shared = Pick<Breaker, 'failures' | 'cause' | 'lastError' | 'openedAt'>;

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
  /** Until whoever opened it says so. */
  'by-hand': { firstMs: Number.POSITIVE_INFINITY, longestMs: Number.POSITIVE_INFINITY },
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

/** The delivery that `admits` let through begins: while it is open, as the trial. */
export function begun(breaker: Breaker): Breaker {
  return isOpen(breaker) ? { ...breaker, trial: 'running' } : breaker;
}

/** It is being looked at, without mail. */
export function looking(breaker: Breaker): Breaker {
  return mayBeTried(breaker) ? { ...breaker, trial: 'looking' } : breaker;
}

/** It answered a connection without mail, or the trial ended without telling anything. */
export function answered(breaker: Breaker): Breaker {
  return mayBeTried(breaker) ? { ...breaker, trial: 'allowed' } : breaker;
}

/** Somebody else may look and try. */
export function gaveUp(breaker: Breaker): Breaker {
  return isOpen(breaker) ? { ...breaker, trial: 'no' } : breaker;
}

/** After an attempt that was no trial. Of one that is open, those under way together say the same, and count once. */
export function learned(breaker: Breaker, lesson: Lesson, now: number): Breaker {
  if (isOpen(breaker)) return lesson.kind === 'down' ? breaker : believed(breaker, lesson);
  switch (lesson.kind) {
    case 'down':
      return opened(breaker, lesson, now);
    case 'well':
      return remembering(breaker, false);
    case 'troubled':
      return countingTrouble(breaker, lesson, now);
  }
}

/** After its trial, or a look that failed. */
export function tried(breaker: Breaker, lesson: Lesson, now: number): Breaker {
  if (!isOpen(breaker)) return learned(breaker, lesson, now);
  if (breaker.cause === 'by-hand') return breaker;
  if (lesson.kind === 'well') return CLOSED;
  if (lesson.kind === 'down') return opened(breaker, lesson, now);
  return canBeTalkedTo(breaker)
    ? remembering(CLOSED, true)
    : opened(breaker, { ...lesson, kind: 'down', cause: breaker.cause }, now);
}

/** What another process, or a person, made of it. Whoever has the trial goes on with it. */
export function followed(breaker: Breaker, shared: Shared, hasTrial: boolean): Breaker {
  if (shared.failures === 0) return isOpen(breaker) ? CLOSED : breaker;
  const goesOn = hasTrial && isOpen(breaker) && shared.cause !== 'by-hand';
  return { ...CLOSED, ...shared, trial: goesOn ? breaker.trial : 'no' };
}

/** How long after a failure to look again. */
export function pauseMs({ failures, cause, retryAfterMs }: Breaker): number {
  const { firstMs, longestMs } = PAUSES[cause];
  const pause = Math.min(firstMs * 2 ** Math.min(failures - 1, 10), longestMs);
  return retryAfterMs === null ? pause : Math.min(Math.max(retryAfterMs, firstMs), LONGEST_TOLD_MS);
}

const SHORTEST_HOLD_MS = 2_000;
const LONGEST_HOLD_MS = 600_000;

/**
 * How long who has the trial and no mail keeps it while another process has some. Longer each time that it goes on without
 * having been used: where a balancer deals out little mail in turns, it would otherwise always be one process behind.
 */
export function holdMs(handedOn: number): number {
  return Math.min(SHORTEST_HOLD_MS * 2 ** Math.min(handedOn, 10), LONGEST_HOLD_MS);
}

function mayBeTried(breaker: Breaker): boolean {
  return isOpen(breaker) && breaker.cause !== 'by-hand';
}

/** Of what it was open for, any conversation is the end. */
export function canBeTalkedTo({ cause }: Breaker): boolean {
  return cause === 'unreachable' || cause === 'login-refused';
}

function opened(breaker: Breaker, { error, cause, retryAfterMs }: Lesson & { kind: 'down' }, now: number): Breaker {
  return {
    failures: breaker.failures + 1,
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
function believed(breaker: Breaker, { kind }: Lesson): Breaker {
  if (!canBeTalkedTo(breaker)) return breaker;
  return kind === 'well' ? CLOSED : remembering(CLOSED, true);
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
