// What was found out about who a message is from: plain JSON, kept with the message, small whatever came. Names in it are
// safe to print: what is no domain has become question marks.
import { normaliseDomain } from './alignment.ts';
import type { DmarcPolicy } from './dmarc-record.ts';

export type AuthenticationFacts = {
  /** One for each signature that was looked at: five at most. */
  readonly dkim: readonly DkimFact[];
  /** null = not asked: the client logged in, and its address says nothing about what it may send. */
  readonly spf: SpfFact | null;
  /** null = it came through nobody who seals. */
  readonly arc: ArcFact | null;
  readonly dmarc: DmarcFact;
  readonly prediction: Prediction;
};

/** RFC 8601 section 2.7.1. */
export type DkimResult = 'pass' | 'fail' | 'policy' | 'neutral' | 'temperror' | 'permerror';

export type DkimFact = {
  readonly domain: string;
  readonly selector: string;
  readonly result: DkimResult;
  /** Why it is not `pass`, or why it will not be any more. */
  readonly reason: string | null;
  /** With the From domain. */
  readonly aligned: boolean;
  /** Our own fields do not break it. */
  readonly survives: boolean;
};

/** RFC 8601 section 2.7.2. */
export type SpfResult = 'none' | 'neutral' | 'pass' | 'fail' | 'softfail' | 'temperror' | 'permerror';

export type SpfFact = {
  /** Mail from `<>` is judged by the name in EHLO. */
  readonly identity: 'mailfrom' | 'helo';
  readonly domain: string;
  readonly result: SpfResult;
};

export type ArcFact = { readonly result: 'pass' | 'fail' | 'temperror'; readonly reason: string | null };

export type DmarcFact = {
  /** The From domain; of several the one that fares worst. null = the From field is not surely understood. */
  readonly domain: string | null;
  /** null = none published, or not known: then `result` says which. */
  readonly policy: DmarcPolicy | null;
  /** Of the message as it came; null = nothing came with it that could be judged. */
  readonly result: 'pass' | 'fail' | 'none' | 'temperror' | 'permerror' | null;
};

/** What receivers will see once it has left through our upstreams. */
export type Prediction = {
  /** A signature that came survives, or we sign, as the From domain. */
  readonly dkimAligned: boolean;
  /** The return path is in the From domain. Whether SPF then passes is `spf`. */
  readonly spfAligned: boolean;
  /** `depends`: on whether the record covers the upstream's addresses, which we do not know. */
  readonly spf: 'pass' | 'fail' | 'depends' | 'temperror';
  /** DMARC; null = not known. */
  readonly willPass: boolean | null;
  readonly policy: DmarcPolicy | null;
  /** For people. */
  readonly consequence: string;
};

const MAX_NAME = 255;
const MAX_REASON = 100;

/** A domain or selector out of the message, comparable. PostgreSQL's jsonb has no NUL, and header fields no CRLF. */
export function printableName(text: string): string {
  const name = normaliseDomain(text);
  if (name !== null) return name;
  return text.replace(/[^\w.-]/g, '?').slice(0, MAX_NAME) || '?';
}

export function printableReason(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_REASON);
}
