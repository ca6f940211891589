/** What a report says about one recipient, and the value that every reader of a format produces. */
import { findReplyCodes, isVague } from './reply-code.ts';

export type ReportKind = 'dsn' | 'nonstandard' | 'arf' | 'auto-reply' | 'not-a-bounce';

/**
 * RFC 3464 2.3.3 (failed, delayed, delivered, relayed, expanded), plus what other formats report; `rejected` is what a
 * provider took from us and did not send.
 */
export type ReportAction =
  | 'failed'
  | 'expired'
  | 'delayed'
  | 'delivered'
  | 'relayed'
  | 'expanded'
  | 'complaint'
  | 'auto-reply'
  | 'rejected';

/** Where in the conversation the refusal came; null where the report does not say. */
export type SmtpStage = 'connect' | 'ehlo' | 'auth' | 'mail' | 'rcpt' | 'data' | 'content';

export interface ReportedRecipient {
  /** What was mailed as far as the report tells: original, else final recipient. Null in redacted feedback reports. */
  readonly recipient: string | null;
  readonly originalRecipient: string | null;
  readonly finalRecipient: string | null;
  readonly action: ReportAction;
  readonly status: string | null;
  readonly replyCode: string | null;
  /** The remote server's or the reporter's own words about this recipient, one line. */
  readonly diagnostic: string;
  /** Words near by, read when the diagnostic says nothing. */
  readonly context: string;
  readonly stage: SmtpStage | null;
  readonly reportingMta: string | null;
  readonly remoteMta: string | null;
  readonly feedbackType: string | null;
  /** Lines of the message that this was read from. */
  readonly evidence: readonly string[];
}

export interface BounceReport {
  readonly kind: ReportKind;
  /** The reader that recognised it: `dsn`, `exim`, `qmail`, … */
  readonly format: string;
  readonly recipients: readonly ReportedRecipient[];
  /** What the report shows of the returned message, for correlation. */
  readonly original: OriginalMessage | null;
  /** Addresses the report itself was sent to: a VERP return path stands here. */
  readonly addressedTo: readonly string[];
  /** ENVID of the returned message (RFC 3464 section 2.2.1). */
  readonly envelopeId: string | null;
  /** Of the report itself. */
  readonly header: ReportHeader;
}

export interface ReportHeader {
  readonly messageId: string | null;
  readonly from: string | null;
  readonly subject: string | null;
}

export interface OriginalMessage {
  readonly messageId: string | null;
  readonly returnPath: string | null;
  readonly from: string | null;
  readonly to: readonly string[];
  readonly subject: string | null;
  /** Values of its Received fields: each host on the way left the id that it knew the message by. */
  readonly received: readonly string[];
}

export type Reading = Partial<Omit<ReportedRecipient, 'status' | 'replyCode'>> & {
  readonly status?: string | null;
  readonly replyCode?: string | null;
};

/** Fills in what a reader left out; codes that it did not give are looked for in the diagnostic. */
export function reportedRecipient(reading: Reading): ReportedRecipient {
  const diagnostic = oneLine(reading.diagnostic ?? '');
  const codes = findReplyCodes(diagnostic);
  return {
    recipient: reading.recipient ?? reading.originalRecipient ?? reading.finalRecipient ?? null,
    originalRecipient: reading.originalRecipient ?? null,
    finalRecipient: reading.finalRecipient ?? null,
    action: reading.action ?? 'failed',
    status: telling(reading.status ?? null, codes.status),
    replyCode: reading.replyCode ?? codes.replyCode,
    diagnostic,
    context: reading.context ?? '',
    stage: reading.stage ?? stageOf(`${diagnostic} ${reading.context ?? ''}`),
    reportingMta: reading.reportingMta ?? null,
    remoteMta: reading.remoteMta ?? null,
    feedbackType: reading.feedbackType ?? null,
    evidence: reading.evidence ?? [],
  };
}

/** The Status field unless it is only x.0.0 and the reply says more. */
function telling(field: string | null, reply: string | null): string | null {
  if (field === null) return reply;
  return isVague(field) && reply !== null && !isVague(reply) ? reply : field;
}

/** Collapses white space; `most` keeps one hostile field from costing more than the rest of the message. */
export function oneLine(text: string, most = 4_096): string {
  const cut = text.length > most ? text.slice(0, most) : text;
  return cut.split(/\s/).filter(Boolean).join(' ');
}

/** How MTAs name the command that was refused, most specific first. */
const stageWords: readonly (readonly [SmtpStage, readonly string[]])[] = [
  ['content', ['end of data', 'final data', 'after i sent the message', 'end of message', '[body]']],
  ['rcpt', ['rcpt to', 'rcpt_to', 'rcpt command', 'does not like recipient', 'smtp:rcpt']],
  ['mail', ['mail from', 'mail_from', 'mail command', 'does not like sender']],
  ['data', ['data command', '>>> data', 'smtp command data', '[data]']],
  [
    'ehlo',
    ['ehlo command', 'helo command', 'my name was rejected', '>>> ehlo', '>>> helo', 'after ehlo', 'after helo'],
  ],
  ['connect', ['but greeting failed', 'initial connection', 'banner']],
];

export function stageOf(text: string): SmtpStage | null {
  const lower = text.toLowerCase();
  for (const [stage, words] of stageWords) if (words.some(word => lower.includes(word))) return stage;
  return null;
}
