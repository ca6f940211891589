// An SMTP upstream: at most `connections` sessions, kept and used again, paced to `rate`. A session that died while it
// lay idle is the pool's own trouble and is replaced without a word.
import type { Envelope } from '../../src/mail/envelope.ts';
import type { AttemptReport, AttemptResult, Upstream } from '../../src/mail/upstream.ts';
import { judgeReply } from '../faults/judge.ts';
import { type Provider, providerOfHost } from '../faults/provider.ts';
import { SessionError } from './greeting.ts';
import { Pacer } from './pacer.ts';
import { type SessionOptions, SmtpSession } from './smtp-session.ts';

/** Idle sessions cost the upstream too; most close them after a minute or more. */
const IDLE_MS = 20_000;

type Idle = { session: SmtpSession; timer: NodeJS.Timeout };

export class SmtpUpstream implements Upstream {
  readonly name: string;
  readonly #options: SessionOptions;
  readonly #pacer: Pacer;
  #idle: Idle[] = [];
  #busy = 0;
  #line: (() => void)[] = [];
  #closed = false;

  constructor(options: SessionOptions) {
    this.name = options.settings.name;
    this.#options = options;
    this.#pacer = new Pacer(options.settings.ratePerSecond);
  }

  async attempt(envelope: Envelope, content: readonly Buffer[], signal: AbortSignal): Promise<AttemptReport> {
    await this.#takePlace();
    try {
      const { results, ...where } = await this.#send(envelope, content, signal);
      const all = [...results];
      let left = leftOver(all, [...all.keys()]);
      while (left.length > 0) {
        const recipients = left.map(index => envelope.recipients[index]!);
        const sent = left;
        const next = await this.#send({ ...envelope, recipients }, content, signal);
        next.results.forEach((result, i) => {
          all[sent[i]!] = result;
        });
        left = leftOver(all, sent);
      }
      return { results: all, ...where };
    } finally {
      this.#leavePlace();
    }
  }

  /** One transaction, on a kept session or a new one. */
  async #send(envelope: Envelope, content: readonly Buffer[], signal: AbortSignal): Promise<AttemptReport> {
    try {
      await this.#pacer.turn(signal);
      const kept = this.#takeIdle();
      const first = kept && (await this.#transact(kept, envelope, content, signal));
      if (first && !diedIdle(first.results)) return first;
      const fresh = await SmtpSession.open(this.#options, signal);
      return await this.#transact(fresh, envelope, content, signal);
    } catch (error) {
      return unreached(envelope, error as Error, providerOfHost(this.#options.settings.host));
    }
  }

  /** Throws `SessionError`. */
  async probe(signal: AbortSignal): Promise<{ remoteAddress: string | null; tls: string | null }> {
    const session = await SmtpSession.open(this.#options, signal);
    session.quit();
    return { remoteAddress: session.remoteAddress, tls: session.tls };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      session.quit();
    }
  }

  async #transact(session: SmtpSession, envelope: Envelope, content: readonly Buffer[], signal: AbortSignal) {
    const results = await session.transact(envelope, content, signal);
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
    if (this.#closed) {
      session.quit();
      return;
    }
    const entry: Idle = {
      session,
      timer: setTimeout(() => {
        this.#idle = this.#idle.filter(idle => idle !== entry);
        session.quit();
      }, IDLE_MS),
    };
    entry.timer.unref();
    this.#idle.push(entry);
  }

  async #takePlace(): Promise<void> {
    if (this.#busy >= this.#options.settings.connections) await new Promise<void>(resolve => this.#line.push(resolve));
    else this.#busy += 1;
  }

  /** A place goes to the next in line without becoming free in between. */
  #leavePlace(): void {
    const next = this.#line.shift();
    if (next) next();
    else this.#busy -= 1;
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
      ? { kind: 'refused', stage: error.stage, reply: error.reply, ...judgeReply(error.stage, error.reply, provider) }
      : { kind: 'unreachable', stage: error instanceof SessionError ? error.stage : 'connect', error: error.message };
  return { results: envelope.recipients.map(() => result), remoteAddress: null, tls: null };
}
