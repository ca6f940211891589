// What a client hands us, however it came: over SMTP today, over HTTP tomorrow. `submit` takes nothing else.
import type { Envelope } from './envelope.ts';

export type MessageId = string & { readonly __brand: 'MessageId' };

/** live = relay it; capture = keep it, never send it. */
export type Mode = 'live' | 'capture';

export type Stream = 'transactional' | 'bulk';
export const STREAMS: readonly Stream[] = ['transactional', 'bulk'];

/** SPF, DKIM, DMARC and ARC: not looked at, noted, or a reason to refuse. */
export type AuthenticationPolicy = 'off' | 'observe' | 'enforce';
/** What becomes of mail beyond a quota: sent when there is room, refused, or kept for a person to release. */
export type OverQuota = 'defer' | 'reject' | 'hold';
/** Whether a suppressed recipient is refused at RCPT, or taken and left out. */
export type OnSuppressed = 'accept' | 'reject';
/** Told by mail: what NOTIFY= asks for, also what a mail server tells unasked, or nothing. */
export type DsnPolicy = 'asked' | 'always' | 'never';

/** Who is sending, as the door established it. */
export type Identity = {
  readonly tenantId: string;
  readonly credentialId: string;
  readonly credentialName: string;
  readonly mode: Mode;
  /** Domains that the credential may send from; empty = any. */
  readonly fromDomains: readonly string[];
  readonly authentication: AuthenticationPolicy;
  readonly overQuota: OverQuota;
  readonly onSuppressed: OnSuppressed;
  /** Whether X-Postern-… and its dialects are obeyed; they never leave the house. */
  readonly controlHeaders: boolean;
};

/** RFC 3848, RFC 6531 section 4.3: S = within TLS, A = logged in. */
export type Protocol =
  | 'SMTP'
  | 'ESMTP'
  | 'ESMTPA'
  | 'ESMTPS'
  | 'ESMTPSA'
  | 'UTF8SMTP'
  | 'UTF8SMTPA'
  | 'UTF8SMTPS'
  | 'UTF8SMTPSA'
  | 'HTTP';

/** Where it came from, for the trace header and the archive. */
export type Session = {
  readonly remoteAddress: string;
  /** What the client called itself in EHLO. */
  readonly clientName: string;
  /** false = taken for who it is because of its address alone. */
  readonly authenticated: boolean;
  readonly protocol: Protocol;
};

export type Submission = {
  readonly identity: Identity;
  readonly envelope: Envelope;
  /** RFC 5322 bytes, CRLF line ends, dots unstuffed. Never altered. */
  readonly content: Buffer;
  readonly session: Session;
  readonly stream: Stream;
};
