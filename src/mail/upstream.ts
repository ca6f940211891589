// The contract between the dispatcher and whatever takes mail from us. An upstream reports what happened, for each
// recipient, and decides nothing: what follows from it is `nextStep`'s to say.
import type { Envelope } from './envelope.ts';
import type { Reply } from './reply.ts';

/** How far a conversation came. `content` = while sending the message, `final` = after the last dot. */
export type Stage = 'connect' | 'tls' | 'banner' | 'ehlo' | 'auth' | 'mail' | 'rcpt' | 'data' | 'content' | 'final';

/** Who is at fault; decides what follows. */
export type Scope = 'recipient' | 'message' | 'sender' | 'upstream' | 'network';

/** What a refusal comes to, and by which rule. */
export type Verdict = {
  readonly scope: Scope;
  /** The row of the table of faults that decided; the same string in timeline, log, event and `explain --reply`. */
  readonly rule: string;
  /** Nothing goes out there until somebody acts: the account is suspended, or its credit used up. */
  readonly opens: boolean;
  /** It asks us to be slower: less goes there for a while. */
  readonly slows: boolean;
  /** How long the reply asks to wait; null = it does not say. */
  readonly retryAfterMs: number | null;
};

export type AttemptResult =
  | {
      readonly kind: 'accepted';
      readonly reply: Reply;
      /** It offers DSN (RFC 3461): what NOTIFY= asks for is told by whoever comes behind us. */
      readonly tellsSender?: true;
    }
  | ({ readonly kind: 'refused'; readonly stage: Stage; readonly reply: Reply } & Verdict)
  /** No verdict was reached, and the message was surely not taken. */
  | { readonly kind: 'unreachable'; readonly stage: Stage; readonly error: string }
  /** The last dot was sent and no reply came: it may have been delivered. */
  | { readonly kind: 'uncertain'; readonly stage: Stage; readonly error: string };

/** How errors begin by which we ended an attempt ourselves: they say nothing of the upstream. */
export const OUR_END = { stopping: 'shutting down', warmup: 'warm-up:' } as const;

export function isOurEnd(result: AttemptResult): boolean {
  return 'error' in result && Object.values(OUR_END).some(beginning => result.error.startsWith(beginning));
}

/** Whom we talked to. */
export type Peer = {
  /** `192.0.2.1:25` once connected. */
  readonly remoteAddress: string | null;
  /** `TLSv1.3`, with what its certificate was judged by where it had to be; null without TLS. */
  readonly tls: string | null;
};

/** One result for each recipient, in the envelope's order. */
export type AttemptReport = Peer & {
  readonly results: readonly AttemptResult[];
  /** One for each recipient, where they are not the same. */
  readonly peers?: readonly Peer[];
};

export type Upstream = {
  readonly name: string;
  /** Whether there are other hosts for each domain, so that what one of them does says nothing of the upstream. */
  readonly hasManyHosts?: boolean;
  /** Why it takes nothing before a time (milliseconds since 1970), as far as is known; null = it does. */
  notNow?(now: number): { readonly until: number; readonly reason: string } | null;
  /** Sends one message to all recipients of the envelope. Never throws: failures are results. */
  attempt(envelope: Envelope, content: readonly Buffer[], signal: AbortSignal): Promise<AttemptReport>;
  /** Connects and logs in, and sends nothing. Throws when that fails. */
  probe(signal: AbortSignal): Promise<Peer>;
  /** Ends idle sessions at once and busy ones when they are done. */
  close(): Promise<void>;
};
