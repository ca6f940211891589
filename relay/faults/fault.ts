// A row of the table of faults: which replies it is about, who is at fault then, and where such a reply was seen.

import type { Provider } from '../../src/mail/provider.ts';
import type { Scope, Stage } from '../../src/mail/upstream.ts';

export type Fault = {
  /** Stands with the attempt, in log, event and `explain --reply`; never used again for something else. */
  readonly name: string;
  readonly scope: Scope;
  /** Nothing goes out there until somebody acts or the period ends: its circuit opens at the first such reply. */
  readonly opens?: true;
  /** We are to be slower. Of the upstream in any case; what says so of our address or name does not, with a 5xx. */
  readonly slows?: true;
  /** Only of this provider. */
  readonly provider?: Provider;
  /** Default: any; but connecting, EHLO, TLS and AUTH only for rows that blame the upstream or the way to it. */
  readonly stages?: readonly Stage[];
  readonly permanent?: boolean;
  readonly codes?: readonly number[];
  /** Prefixes without the class: `7.8` fits 4.7.8 and 5.7.8, `3.` fits x.3.anything. */
  readonly enhanced?: readonly string[];
  /** Lower case; any of them in the text, where addresses are left out. `…` stands for whatever is in between. */
  readonly words?: readonly string[];
  /** Where the example stands: a page, an issue, or the program that says it. */
  readonly source: string;
  readonly example: Example;
};

/** A reply as somebody got it, with the stage at which it came. */
export type Example = readonly [stage: Stage, reply: string];

/** MAIL, RCPT and the reply to DATA: what the envelope is answered with. */
export const ENVELOPE: readonly Stage[] = ['mail', 'rcpt', 'data'];
/** Whatever is not about one recipient. */
export const NOT_RCPT: readonly Stage[] = ['mail', 'data', 'content', 'final'];
/** With the message known. */
export const CONTENT: readonly Stage[] = ['content', 'final'];
export const BEFORE_MAIL: readonly Stage[] = ['connect', 'tls', 'banner', 'ehlo', 'auth'];
export const TRANSACTION: readonly Stage[] = ['mail', 'rcpt', 'data', 'content', 'final'];
export const STAGES: readonly Stage[] = [...BEFORE_MAIL, ...TRANSACTION];
