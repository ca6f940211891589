// Takes everything and keeps nothing: for tests, and for measuring all of the gateway but its upstream.
import type { Envelope } from '../../src/mail/envelope.ts';
import { reply } from '../../src/mail/reply.ts';
import { type AttemptReport, type AttemptResult, OUR_END, type Peer, type Upstream } from '../../src/mail/upstream.ts';
import type { NullSettings } from '../../src/platform/upstream-url.ts';
import { Pacer, type SharedPace } from './pacer.ts';

const NOBODY: Peer = { remoteAddress: null, tls: null };
const DROPPED: AttemptResult = { kind: 'accepted', reply: reply(250, '2.0.0', 'dropped') };

export class NullUpstream implements Upstream {
  readonly name: string;
  readonly #pacer: Pacer;

  constructor(settings: NullSettings, pace?: SharedPace) {
    this.name = settings.name;
    this.#pacer = new Pacer(settings, pace);
  }

  notNow(now: number) {
    return this.#pacer.notNow(now);
  }

  async attempt(envelope: Envelope, _content: readonly Buffer[], signal: AbortSignal): Promise<AttemptReport> {
    const result = await this.#pacer.turn(signal).then(
      () => (signal.aborted ? notTaken(OUR_END.stopping) : DROPPED),
      error => notTaken(signal.aborted ? OUR_END.stopping : (error as Error).message),
    );
    return { results: envelope.recipients.map(() => result), ...NOBODY };
  }

  async probe(): Promise<Peer> {
    return NOBODY;
  }

  async close(): Promise<void> {}
}

function notTaken(error: string): AttemptResult {
  return { kind: 'unreachable', stage: 'connect', error };
}
