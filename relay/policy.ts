// Decides on a whole submission: an ordered list of pure checks over facts that were gathered before. The first
// objection is the verdict; its rule is the same word in log, event and metrics.
import type { Reply } from '../src/mail/reply.ts';
import { reply } from '../src/mail/reply.ts';
import type { Mode } from '../src/mail/submission.ts';

export type SubmissionFacts = {
  readonly size: number;
  readonly maxSize: number;
  readonly mode: Mode;
  /** Received fields, and those among them that we wrote. */
  readonly hops: number;
  readonly ownHops: number;
  readonly headerFields: number;
  readonly headerBytes: number;
  /** What is wrong with the From and Sender fields, for this credential. */
  readonly authorObjection: string | null;
};

export type Verdict =
  | { readonly kind: 'accept'; readonly mode: Mode }
  | { readonly kind: 'reject'; readonly reply: Reply; readonly rule: string }
  | { readonly kind: 'defer'; readonly reply: Reply; readonly rule: string };

const MAX_HOPS = 50;
const MAX_OWN_HOPS = 5;
const MAX_HEADER_FIELDS = 1_000;
const MAX_HEADER_BYTES = 262_144;

type Check = (facts: SubmissionFacts) => Verdict | null;

const CHECKS: readonly Check[] = [
  facts =>
    facts.size > facts.maxSize
      ? reject(552, '5.3.4', `Message is larger than ${facts.maxSize} bytes`, 'message-too-large')
      : null,
  facts =>
    facts.headerFields > MAX_HEADER_FIELDS || facts.headerBytes > MAX_HEADER_BYTES
      ? reject(552, '5.3.4', 'Message header is too large', 'header-too-large')
      : null,
  facts =>
    facts.hops > MAX_HOPS || facts.ownHops > MAX_OWN_HOPS
      ? reject(554, '5.4.6', `Mail loop: ${facts.hops} Received fields`, 'mail-loop')
      : null,
  facts =>
    facts.authorObjection === null ? null : reject(550, '5.7.1', facts.authorObjection, 'author-not-authorised'),
];

export function judge(facts: SubmissionFacts): Verdict {
  for (const check of CHECKS) {
    const objection = check(facts);
    if (objection) return objection;
  }
  return { kind: 'accept', mode: facts.mode };
}

function reject(code: number, enhanced: string, text: string, rule: string): Verdict {
  return { kind: 'reject', reply: reply(code, enhanced, text), rule };
}
