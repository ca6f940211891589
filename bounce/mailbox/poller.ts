// Keeps one bounce mailbox read: connects, reads what is new, waits for more, and begins again when anything breaks. Of
// several processes one polls a mailbox at a time, by a lock in the database that ends with its holder's connection; and
// should two do it for a moment, each report counts once all the same.

import type { LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImapFlow } from 'imapflow';
import { formatDuration } from '../../src/platform/duration.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import { takeMailbox } from '../../src/store/mailbox-lock.ts';
import { noteMailboxTrouble } from '../../src/store/mailboxes.ts';
import { connectMailbox, describeImapError } from './client.ts';
import { prepareFiling } from './filing.ts';
import { Reading, type ReadingOptions } from './reading.ts';

export type PollerOptions = Omit<ReadingOptions, 'timeoutMs'> & {
  readonly lookup: LookupFunction | undefined;
  readonly metrics: Pick<Metrics, 'mailboxUp'>;
  /** Longest silence of the server; two minutes unless a test is in a hurry. */
  readonly timeoutMs?: number;
};

export type Poller = { stop(): Promise<void> };

const SILENCE_MS = 120_000;
const ASK_FOR_LOCK_EVERY_MS = 5_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export function pollMailbox(options: PollerOptions): Poller {
  const stop = new AbortController();
  const running = new MailboxPoller({ timeoutMs: SILENCE_MS, ...options }, stop.signal).run();
  return {
    async stop() {
      stop.abort(new Error('shutting down'));
      await running;
    },
  };
}

class MailboxPoller {
  readonly #options: Required<PollerOptions>;
  readonly #signal: AbortSignal;
  #failures = 0;

  constructor(options: PollerOptions & { timeoutMs: number }, signal: AbortSignal) {
    this.#options = options as Required<PollerOptions>;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        await this.#pollWhileAlone();
      } catch (error) {
        if (this.#signal.aborted) return;
        await this.#complain(error);
      }
    }
  }

  async #pollWhileAlone(): Promise<void> {
    const { pool, settings } = this.#options;
    const lock = await takeMailbox(pool, settings.name);
    if (!lock) return this.#pause(ASK_FOR_LOCK_EVERY_MS);
    try {
      await this.#poll(() => lock.assertHeld());
    } finally {
      lock.release();
    }
  }

  async #poll(assertAlone: () => Promise<void>): Promise<void> {
    const { settings } = this.#options;
    const client = await connectMailbox(this.#options, this.#signal);
    const abort = () => client.close();
    this.#signal.addEventListener('abort', abort, { once: true });
    try {
      await prepareFiling(client, settings.filing);
      const { uidValidity } = await client.mailboxOpen(settings.folder);
      const reading = new Reading(this.#options, client, Number(uidValidity));
      await reading.fileLeftovers();
      while (!this.#signal.aborted) {
        const news = newsOf(client);
        await reading.readNew(this.#signal);
        this.#wellAgain();
        await news.within(settings.everyMs, this.#signal);
        await assertAlone();
        if (Number((client.mailbox || { uidValidity }).uidValidity) !== Number(uidValidity)) return;
      }
    } finally {
      this.#signal.removeEventListener('abort', abort);
      await leave(client);
    }
  }

  #wellAgain(): void {
    const { settings, log, metrics } = this.#options;
    metrics.mailboxUp.set({ mailbox: settings.name }, 1);
    if (this.#failures > 0)
      log.info({ event: 'mailbox-up', mailbox: settings.name }, 'the bounce mailbox is read again');
    this.#failures = 0;
  }

  async #complain(error: unknown): Promise<void> {
    const { settings, log, metrics, pool } = this.#options;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    const reason = describeImapError(error, settings);
    metrics.mailboxUp.set({ mailbox: settings.name }, 0);
    const fields = { event: 'mailbox-down', mailbox: settings.name, reason, failures: this.#failures + 1 };
    log.warn(fields, `the bounce mailbox cannot be read, next look in ${formatDuration(pauseMs)}`);
    await noteMailboxTrouble(pool, settings.name, reason).catch(() => undefined);
    this.#failures += 1;
    await this.#pause(pauseMs);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#signal }).catch(() => undefined);
  }
}

/** Listens from now on, so that nothing that comes during the reading is missed. */
function newsOf(client: ImapFlow) {
  let isNews = false;
  let wake: () => void = () => undefined;
  const onNews = () => {
    isNews = true;
    wake();
  };
  client.on('exists', onNews);
  client.on('close', onNews);
  return {
    /** Resolves when there is more mail, after that time, or when it is to end; rejects when the connection is gone. */
    async within(ms: number, signal: AbortSignal): Promise<void> {
      const told = new Promise<void>(resolve => {
        wake = resolve;
      });
      const timer = new AbortController();
      const until = AbortSignal.any([signal, timer.signal]);
      if (!isNews && client.usable)
        await Promise.race([told, sleep(ms, undefined, { signal: until }).catch(() => undefined)]);
      timer.abort();
      client.off('exists', onNews);
      client.off('close', onNews);
      if (!client.usable && !signal.aborted) throw new Error('the server ended the connection');
    },
  };
}

const LEAVE_WITHIN_MS = 2_000;

async function leave(client: ImapFlow): Promise<void> {
  if (client.usable) await Promise.race([client.logout().catch(() => undefined), sleep(LEAVE_WITHIN_MS)]);
  client.close();
}
