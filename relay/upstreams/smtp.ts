// A smart host: at most `connections` sessions of all processes together, kept and used again, paced to `rate`.
import type { Envelope } from '../../src/mail/envelope.ts';
import { providerOfHost } from '../../src/mail/provider.ts';
import type { AttemptReport, Upstream } from '../../src/mail/upstream.ts';
import type { SmartHostSettings } from '../../src/platform/upstream-url.ts';
import { Pacer, type SharedPace } from './pacer.ts';
import { shareOf } from './places.ts';
import { SessionPool } from './session-pool.ts';
import { type SessionOptions, SmtpSession } from './smtp-session.ts';
import { targetOf } from './target.ts';

export type SmartHostOptions = Omit<SessionOptions, 'target'> & {
  readonly settings: SmartHostSettings;
  readonly pace?: SharedPace | undefined;
};

export class SmtpUpstream implements Upstream {
  readonly name: string;
  readonly #session: SessionOptions;
  readonly #pool: SessionPool;
  readonly #pacer: Pacer;
  readonly #leaveNeighbours: (() => void) | undefined;

  /** Throws when the `ca` file is none. */
  constructor({ settings, pace, ...options }: SmartHostOptions) {
    this.name = settings.name;
    const clientName = settings.clientName ?? options.clientName;
    this.#session = { ...options, clientName, target: targetOf(settings) };
    this.#pacer = new Pacer(settings, pace);
    this.#pool = new SessionPool({
      connections: shareOf(settings.connections, pace?.neighbours.count ?? 1),
      provider: providerOfHost(settings.host),
      open: signal => SmtpSession.open(this.#session, signal),
      turn: signal => this.#pacer.turn(signal),
    });
    this.#leaveNeighbours = pace?.neighbours.onChange(count => this.#pool.resize(shareOf(settings.connections, count)));
  }

  notNow(now: number) {
    return this.#pacer.notNow(now);
  }

  attempt(envelope: Envelope, content: readonly Buffer[], signal: AbortSignal): Promise<AttemptReport> {
    return this.#pool.attempt(envelope, content, { signal });
  }

  /** Throws `SessionError`. */
  async probe(signal: AbortSignal): Promise<{ remoteAddress: string | null; tls: string | null }> {
    const session = await SmtpSession.open(this.#session, signal);
    session.quit();
    return { remoteAddress: session.remoteAddress, tls: session.tls };
  }

  async close(): Promise<void> {
    this.#leaveNeighbours?.();
    this.#pool.close();
  }
}
