// The generator: so many messages over so many sessions, as fast as the relay takes them or at a steady rate.
// The same one for every relay, because Debian's smtp-source cannot authenticate, and Postern asks for that.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Message, numberMessage, submit, writeMessage } from './message.ts';
import { type SessionPlan, SmtpSession } from './smtp-session.ts';

export interface LoadPlan extends SessionPlan {
  readonly messages: number;
  /** The first message's number; the others follow. */
  readonly firstNumber: number;
  readonly bytes: number;
  readonly recipients: number;
  readonly recipientDomain?: string;
  readonly sessions: number;
  /** Messages before QUIT and a new connection. Infinity keeps the session to the end. */
  readonly perSession: number;
  readonly isPipelined: boolean;
  /** Messages per second over all sessions; without it as fast as they are taken. */
  readonly ratePerSecond?: number;
  readonly onBegun?: (number: number, atMs: number) => void;
}

export interface LoadResult {
  readonly accepted: number;
  readonly refused: number;
  readonly firstRefusal: string | null;
  readonly startedAtMs: number;
  /** When each was accepted, in order. On the clock of performance.now(), like every `…AtMs` here. */
  readonly acceptedAtMs: readonly number[];
  /** From MAIL to the 250 after the content. */
  readonly acceptMs: readonly number[];
}

/** A relay that refuses this many in a row is not being measured any more. */
const MOST_REFUSALS_IN_A_ROW = 50;

/** Resolves when every message was accepted or refused; throws when the relay takes nothing at all. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const tally = new Tally(plan);
  const sessions = Array.from({ length: Math.min(plan.sessions, plan.messages) }, () => runSession(plan, tally));
  await Promise.all(sessions);
  return tally;
}

class Tally implements LoadResult {
  readonly startedAtMs = performance.now();
  readonly acceptedAtMs: number[] = [];
  readonly acceptMs: number[] = [];
  refused = 0;
  firstRefusal: string | null = null;
  #handedOut = 0;
  #refusedInARow = 0;
  readonly #plan: LoadPlan;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
  }

  get accepted(): number {
    return this.acceptedAtMs.length;
  }

  /** The next message's number, and for a steady rate when to begin it. Null when all are taken. */
  next(): { number: number; dueMs: number } | null {
    if (this.#handedOut >= this.#plan.messages) return null;
    const index = this.#handedOut++;
    const dueMs = this.#plan.ratePerSecond ? this.startedAtMs + (index * 1000) / this.#plan.ratePerSecond : 0;
    return { number: this.#plan.firstNumber + index, dueMs };
  }

  took(begunAtMs: number): void {
    const now = performance.now();
    this.acceptedAtMs.push(now);
    this.acceptMs.push(now - begunAtMs);
    this.#refusedInARow = 0;
  }

  refuse(why: string): void {
    this.refused += 1;
    this.firstRefusal ??= why;
    if (++this.#refusedInARow >= MOST_REFUSALS_IN_A_ROW) throw new Error(`the relay takes nothing: ${why}`);
  }
}

async function runSession(plan: LoadPlan, tally: Tally): Promise<void> {
  const message = writeMessage(plan.bytes, plan.recipients, plan.recipientDomain);
  for (let next = tally.next(); next; ) {
    let session: SmtpSession | null = null;
    try {
      session = await SmtpSession.open(plan);
      for (let sent = 0; next && sent < plan.perSession; sent += 1) {
        await sendOne(session, message, next, plan, tally);
        next = tally.next();
      }
      await session.quit();
    } catch (error) {
      // The message that was under way is given up, not repeated: a repetition could be taken twice.
      session?.destroy();
      tally.refuse(error instanceof Error ? error.message : String(error));
      next = tally.next();
    }
  }
}

async function sendOne(
  session: SmtpSession,
  message: Message,
  next: { number: number; dueMs: number },
  plan: LoadPlan,
  tally: Tally,
): Promise<void> {
  const waitMs = next.dueMs - performance.now();
  if (waitMs > 0) await sleep(waitMs);
  numberMessage(message, next.number);
  const begunAtMs = performance.now();
  plan.onBegun?.(next.number, begunAtMs);
  const reply = await submit(session, message, plan.isPipelined);
  if (reply.code === 250) tally.took(begunAtMs);
  else throw new Error(reply.text); // a new session is the simplest way back to a known state
}
