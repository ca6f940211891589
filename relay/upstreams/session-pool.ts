// Sessions with one host or one domain: at most so many at the same time, kept for a while and used again. A session that
// died while it lay idle is the pool's own trouble and is replaced without a word.
import type { Envelope } from '../../src/mail/envelope.ts';
import type { Provider } from '../../src/mail/provider.ts';
import { reply } from '../../src/mail/reply.ts';
import { type AttemptReport, type AttemptResult, OUR_END } from '../../src/mail/upstream.ts';
import { judgeReply } from '../faults/judge.ts';
import { SessionError } from './greeting.ts';
import type { Turn } from './pacer.ts';
import { CrowdedError, Places } from './places.ts';
import type { SmtpSession } from './smtp-session.ts';

export type PoolOptions = {
  readonly connections: number;
  /** Whose replies these are, where that is known before a session is. */
  readonly provider?: Provider | null;
  /** Those of several pools together. */
  readonly shared?: Places;
  /** Longest wait for a place; without it, for as long as it takes. */
  readonly patienceMs?: number;
  /** Throws `SessionError`. */
  readonly open: (signal: AbortSignal, avoid: ReadonlySet<string>) => Promise<SmtpSession>;
  /** Waits until a message may be sent; given back when nobody could be talked to. */
  readonly turn?: (signal: AbortSignal) => Promise<Turn>;
  /** Whether one more may be kept. */
  readonly mayKeep?: () => boolean;
  /** Nobody uses the pool, and it keeps nothing, any more. */
  readonly onEmpty?: () => void;
};

/** What ends an attempt: `signal` whatever happens; `deadline` until the last dot, after which it may be delivered. */
export type Limits = {
  readonly signal: AbortSignal;
  readonly deadline?: AbortSignal;
  /** Addresses that this message is not taken to. */
  readonly avoid?: ReadonlySet<string>;
};

const NOBODY: ReadonlySet<string> = new Set();

/** Idle sessions cost the upstream too; most close them after a minute or more. */
const IDLE_MS = 20_000;

/** Of our own: no host has said it. */
const CROWDED = reply(451, '4.3.2', 'too much mail for the same hosts is under way');

type Idle = { session: SmtpSession; timer: NodeJS.Timeout };

export class SessionPool {
  readonly #options: PoolOptions;
  readonly #places: Places;
  #idle: Idle[] = [];
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#places = new Places(options.connections);
  }

  /** Messages under way and in line. */
  get crowd(): number {
    return this.#places.crowd;
  }

  get kept(): number {
    return this.#idle.length;
  }

  /** So many at the same time from now on; sessions that lie idle beyond that are ended. */
  resize(connections: number): void {
    this.#places.resize(connections);
    while (this.#idle.length > Math.max(0, this.#places.free)) {
      const { session, timer } = this.#idle.shift()!;
      clearTimeout(timer);
      session.quit();
    }
  }

  /** Never throws: failures are results. */
  async attempt(envelope: Envelope, content: readonly Buffer[], limits: Limits): Promise<AttemptReport> {
    try {
      return await this.#inPlace(limits, () => this.#sendAll(envelope, content, limits));
    } catch (error) {
      return unreached(envelope, whyEnded(limits, error as Error), this.#options.provider ?? null);
    } finally {
      this.#noteEmpty();
    }
  }

  async #inPlace<T>(limits: Limits, work: () => Promise<T>): Promise<T> {
    const { shared, patienceMs } = this.#options;
    await this.#places.take(either(limits), patienceMs);
    try {
      await shared?.take(either(limits), patienceMs);
      try {
        return await work();
      } finally {
        shared?.leave();
      }
    } finally {
      this.#places.leave();
    }
  }

  async #sendAll(envelope: Envelope, content: readonly Buffer[], limits: Limits): Promise<AttemptReport> {
    const { results, ...where } = await this.#send(envelope, content, limits);
    const all = [...results];
    let left = leftOver(all, [...all.keys()]);
    while (left.length > 0) {
      const recipients = left.map(index => envelope.recipients[index]!);
      const sent = left;
      const next = await this.#send({ ...envelope, recipients }, content, limits);
      next.results.forEach((result, i) => {
        all[sent[i]!] = result;
      });
      left = leftOver(all, sent);
    }
    return { results: all, ...where };
  }

  /** One transaction, on a kept session or a new one. */
  async #send(envelope: Envelope, content: readonly Buffer[], limits: Limits): Promise<AttemptReport> {
    try {
      const turn = await this.#options.turn?.(either(limits));
      const kept = this.#takeIdle();
      const first = kept && (await this.#transact(kept, envelope, content, limits));
      if (first && !diedIdle(first.results)) return first;
      const fresh = await this.#options.open(either(limits), limits.avoid ?? NOBODY).catch(error => {
        turn?.giveBack();
        throw error;
      });
      return await this.#transact(fresh, envelope, content, limits);
    } catch (error) {
      return unreached(envelope, whyEnded(limits, error as Error), this.#options.provider ?? null);
    }
  }

  close(): void {
    this.#closed = true;
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      session.quit();
    }
  }

  async #transact(session: SmtpSession, envelope: Envelope, content: readonly Buffer[], limits: Limits) {
    const results = await session.transact(envelope, content, limits.signal, limits.deadline);
    const report: AttemptReport = { results, remoteAddress: session.remoteAddress, tls: session.tls };
    if (session.usable) this.#keep(session);
    return report;
  }

  #takeIdle(): SmtpSession | null {
    for (;;) {
      const idle = this.#idle.pop();
      if (!idle) return null;
      clearTimeout(idle.timer);
      if (idle.session.usable) return idle.session;
    }
  }

  #keep(session: SmtpSession): void {
    // Whose place is one too many by now, too.
    if (this.#closed || this.#places.free < 0 || this.#options.mayKeep?.() === false) {
      session.quit();
      return;
    }
    const entry: Idle = {
      session,
      timer: setTimeout(() => {
        this.#idle = this.#idle.filter(idle => idle !== entry);
        session.quit();
        this.#noteEmpty();
      }, IDLE_MS),
    };
    entry.timer.unref();
    this.#idle.push(entry);
  }

  #noteEmpty(): void {
    if (this.crowd === 0 && this.kept === 0) this.#options.onEmpty?.();
  }
}

/**
 * Those of the transaction just ended who were too many for it, while others were taken: they are sent again at once, in
 * another one (RFC 5321 section 4.5.3.1.10). Without anybody taken it would go on for ever.
 */
function leftOver(results: readonly AttemptResult[], indexes: readonly number[]): number[] {
  if (!indexes.some(index => results[index]!.kind === 'accepted')) return [];
  return indexes.filter(index => isTooMany(results[index]!));
}

function isTooMany(result: AttemptResult): boolean {
  if (result.kind !== 'refused' || result.stage !== 'rcpt' || result.reply.code !== 452) return false;
  return result.reply.enhanced === '4.5.3' || /too many recipients/i.test(result.reply.text);
}

/** The kept session had gone, or was told to: nothing of this message was judged. */
function diedIdle(results: readonly AttemptResult[]): boolean {
  return results.every(
    result =>
      (result.kind === 'unreachable' && result.stage === 'mail') ||
      (result.kind === 'refused' && result.stage === 'mail' && result.reply.code === 421),
  );
}

function unreached(envelope: Envelope, error: Error, provider: Provider | null): AttemptReport {
  const result: AttemptResult =
    error instanceof SessionError && error.reply
      ? {
          ...{ kind: 'refused', stage: error.stage, reply: error.reply },
          ...judgeReply(error.stage, error.reply, provider),
          ...(error.scope && { scope: error.scope }),
        }
      : { kind: 'unreachable', stage: error instanceof SessionError ? error.stage : 'connect', error: error.message };
  return { results: envelope.recipients.map(() => result), remoteAddress: null, tls: null };
}

/** A wait that we ended ourselves says so: `Route` counts it as no fault of the upstream's. */
function whyEnded({ signal, deadline }: Limits, error: Error): Error {
  const stage = error instanceof SessionError ? error.stage : 'connect';
  if (signal.aborted) return new SessionError(stage, new Error(OUR_END.stopping));
  if (deadline?.aborted) return new SessionError(stage, new Error('out of time'));
  return error instanceof CrowdedError ? new SessionError(stage, CROWDED, 'recipient') : error;
}

const either = ({ signal, deadline }: Limits) => (deadline ? AbortSignal.any([signal, deadline]) : signal);
