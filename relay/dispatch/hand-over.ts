// The door between accepting and sending: what the dispatcher answers when a message is about to be committed, and what
// it is told once it is. With the dispatcher in another process there is nobody to ask; the queue wakes it.
import type { Envelope } from '../../src/mail/envelope.ts';
import type { WakeQueue } from '../../src/platform/queue.ts';
import type { Acceptance, NewAttempt } from '../../src/store/accept.ts';
import type { MessageFacts } from '../routing/match.ts';
import type { Route } from '../routing/router.ts';
import type { Choice } from './switchboard.ts';

export type Handing =
  /** Kept, never sent. */
  | { readonly kind: 'capture' }
  /** Nothing of it is to be sent now. */
  | { readonly kind: 'wait' }
  /** Waits in the database for its turn. */
  | { readonly kind: 'queue' }
  /** No upstream of its route takes mail now: waits in the database for one. */
  | { readonly kind: 'park'; readonly route: string; readonly dueInMs: number; readonly reason: string }
  /** There is more mail for its upstream than goes there: waits in the database for a turn of its own. */
  | { readonly kind: 'turn'; readonly waitsFor: string | null; readonly dueInMs: number; readonly reason: string }
  /** Goes out at once: the accepting commit already carries the lease and the opened attempt. */
  | {
      readonly kind: 'hand-over';
      readonly holder: string;
      readonly leaseMs: number;
      readonly message: MessageFacts;
      readonly route: Route;
      readonly choice: Choice;
      readonly attempts: readonly NewAttempt[];
    };

export type HandOver = {
  /** Asked before the commit; `recipients` are those that would be tried now. */
  reserve(message: MessageFacts, recipients: readonly string[], bytes: number): Handing;
  /** The commit failed: what was reserved is free again. */
  cancel(handing: Handing, bytes: number): void;
  /** The commit is done; `absent` are the recipients, by number, that are not to be tried now. */
  accepted(handing: Handing, acceptance: Acceptance, envelope: Envelope, absent: ReadonlySet<number>): void;
};

/** For a process that only listens. */
export function handOverByQueue(queue: WakeQueue): HandOver {
  return {
    reserve: () => ({ kind: 'queue' }),
    cancel: () => undefined,
    accepted: handing => {
      if (handing.kind === 'queue') queue.wake(0);
    },
  };
}
