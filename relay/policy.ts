// Decides on a whole submission: an ordered list of pure checks over facts that were gathered before. The first
// objection is the verdict; its rule is the same word in log, event, metrics and `postern explain`.
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
  /** What is wrong with the control headers, where they are obeyed. */
  readonly controlObjection: string | null;
};

export type Objection = {
  readonly kind: 'reject' | 'defer';
  readonly reply: Reply;
  readonly rule: string;
};

export type Verdict = { readonly kind: 'accept'; readonly mode: Mode } | Objection;

const MAX_HOPS = 50;
const MAX_OWN_HOPS = 5;
const MAX_HEADER_FIELDS = 1_000;
const MAX_HEADER_BYTES = 262_144;

export type Check = {
  readonly name: string;
  readonly object: (facts: SubmissionFacts) => Objection | null;
  /** What it looked at, for people. */
  readonly describe: (facts: SubmissionFacts) => string;
};

export const CHECKS: readonly Check[] = [
  {
    name: 'size',
    object: ({ size, maxSize }) =>
      size > maxSize ? reject(552, '5.3.4', `Message is larger than ${maxSize} bytes`, 'message-too-large') : null,
    describe: ({ size, maxSize }) => `${size} of at most ${maxSize} bytes`,
  },
  {
    name: 'header',
    object: ({ headerFields, headerBytes }) =>
      headerFields > MAX_HEADER_FIELDS || headerBytes > MAX_HEADER_BYTES
        ? reject(552, '5.3.4', 'Message header is too large', 'header-too-large')
        : null,
    describe: ({ headerFields, headerBytes }) => `${headerFields} fields, ${headerBytes} bytes`,
  },
  {
    name: 'loop',
    object: ({ hops, ownHops }) =>
      hops > MAX_HOPS || ownHops > MAX_OWN_HOPS
        ? reject(554, '5.4.6', `Mail loop: ${hops} Received fields`, 'mail-loop')
        : null,
    describe: ({ hops, ownHops }) => `${hops} Received fields, ${ownHops} of them ours`,
  },
  {
    name: 'author',
    object: ({ authorObjection }) =>
      authorObjection === null ? null : reject(550, '5.7.1', authorObjection, 'author-not-authorised'),
    describe: ({ authorObjection }) => authorObjection ?? 'From and Sender are senders of this credential',
  },
  {
    name: 'control headers',
    object: ({ controlObjection }) =>
      controlObjection === null ? null : reject(550, '5.6.0', controlObjection, 'control-header-not-understood'),
    describe: ({ controlObjection }) => controlObjection ?? 'none, or understood',
  },
];

export function judge(facts: SubmissionFacts): Verdict {
  for (const { object } of CHECKS) {
    const objection = object(facts);
    if (objection) return objection;
  }
  return { kind: 'accept', mode: facts.mode };
}

function reject(code: number, enhanced: string, text: string, rule: string): Objection {
  return { kind: 'reject', reply: reply(code, enhanced, text), rule };
}
