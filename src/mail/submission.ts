// What a client hands us, however it came: over SMTP today, over HTTP tomorrow. `submit` takes nothing else.
import type { Envelope } from './envelope.ts';

export type MessageId = string & { readonly __brand: 'MessageId' };

/** live = relay it; capture = keep it, never send it. */
export type Mode = 'live' | 'capture';

export type Stream = 'transactional' | 'bulk';

/** Who is sending, as the door established it. */
export type Identity = {
  readonly tenantId: string;
  readonly credentialId: string;
  readonly credentialName: string;
  readonly mode: Mode;
  /** Domains that the credential may send from; empty = any. */
  readonly fromDomains: readonly string[];
};

/** Where it came from, for the trace header and the archive. */
export type Session = {
  readonly remoteAddress: string;
  /** What the client called itself in EHLO. */
  readonly clientName: string;
  /** RFC 3848: ESMTPSA and its relatives. */
  readonly protocol: 'SMTP' | 'ESMTP' | 'ESMTPA' | 'ESMTPS' | 'ESMTPSA' | 'UTF8SMTPA' | 'UTF8SMTPSA' | 'HTTP';
};

export type Submission = {
  readonly identity: Identity;
  readonly envelope: Envelope;
  /** RFC 5322 bytes, CRLF line ends, dots unstuffed. Never altered. */
  readonly content: Buffer;
  readonly session: Session;
  readonly stream: Stream;
};
