// A client that never gives up and never lies: it meets refusals, closed connections and refused ones with a new
// message over a new session, and believes in nothing but the 250 after the content.
import { setTimeout as sleep } from 'node:timers/promises';
import { numberMessage, submit, writeMessage } from '../message.ts';
import type { RunningRelay } from '../relays/relay.ts';
import { SmtpSession } from '../smtp-session.ts';
import type { Ledger } from './ledger.ts';

const AFTER_A_FAILURE_MS = 50;
/** Small and large: a relay may keep them in different places. */
const SIZES = [1024, 10 * 1024, 60 * 1024];

export interface Pour {
  readonly sessions: number;
  /** All sessions together. */
  readonly ratePerSecond: number;
  /** Several listeners: whoever is turned away by one goes to the next. */
  readonly ports: readonly number[];
  readonly login: RunningRelay['login'];
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
  /** Told of what was not acknowledged: the reply, or what became of the connection. */
  readonly onRefusal?: (why: string) => void;
}

/** Resolves when told to stop, after the transactions under way. */
export async function pourMail(pour: Pour): Promise<void> {
  let number = 0;
  const next = () => ++number;
  await Promise.all(Array.from({ length: pour.sessions }, (_, index) => pourSession(pour, index, next)));
}

async function pourSession(pour: Pour, index: number, nextNumber: () => number): Promise<void> {
  const message = writeMessage(SIZES[index % SIZES.length]!, 1);
  let turn = index;
  while (!pour.signal.aborted) {
    let session: SmtpSession | null = null;
    try {
      const port = pour.ports[turn++ % pour.ports.length]!;
      session = await SmtpSession.open({ port, startTls: false, login: pour.login });
      while (!pour.signal.aborted) {
        const number = nextNumber();
        numberMessage(message, number);
        const begunAtMs = performance.now();
        pour.ledger.begin(number, message.content.length);
        const reply = await submit(session, message, false);
        if (reply.code !== 250) throw new Error(reply.text);
        pour.ledger.acknowledge(number, begunAtMs);
        const restMs = begunAtMs + (pour.sessions * 1000) / pour.ratePerSecond - performance.now();
        if (restMs > 0) await sleep(restMs);
      }
      await session.quit();
    } catch (error) {
      pour.onRefusal?.((error as Error).message);
      // Not acknowledged, so nothing was promised: whether it arrives is the relay's choice.
      session?.destroy();
      await sleep(AFTER_A_FAILURE_MS);
    }
  }
}
