// A report as rows: what strangers wrote, cut to size and fit for PostgreSQL, with what was understood of it. Pure.
import { createHash } from 'node:crypto';
import { newId } from '../src/platform/id.ts';
import type { NewReport, NewReportRecipient } from '../src/store/reports.ts';
import type { BounceVerdict } from './classify.ts';
import type { Correlation } from './correlate.ts';
import type { BounceReport, ReportedRecipient } from './report/recipient.ts';
import type { Settled } from './settle.ts';

/** One recipient of a report: what it means, whom of ours it is about, and what was done. */
export type Understood = {
  readonly reported: ReportedRecipient;
  readonly verdict: BounceVerdict;
  readonly correlation: Correlation;
  readonly settled: Settled;
};

const MAX_EVIDENCE_BYTES = 1_000_000;

export function reportRow({ kind, format, header }: BounceReport, bytes: Uint8Array, now: number): NewReport {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    reportId: newId(now),
    digest: digestOf(raw, header.messageId),
    kind: kind as 'dsn',
    format: clean(format, 100),
    internetMessageId: header.messageId && clean(header.messageId.replace(/^[<\s]+|[>\s]+$/g, ''), 800),
    from: header.from && clean(header.from, 320),
    subject: header.subject && clean(header.subject, 500),
    size: raw.length,
    bytes: raw.subarray(0, MAX_EVIDENCE_BYTES),
  };
}

/** Two ways to us leave different trace fields: with a Message-ID, that and the body make it the same report. */
function digestOf(raw: Buffer, messageId: string | null): Buffer {
  const hash = createHash('sha256');
  const ends = [raw.indexOf('\r\n\r\n'), raw.indexOf('\n\n')].filter(end => end >= 0);
  if (messageId === null || ends.length === 0) return hash.update(raw).digest();
  return hash
    .update(messageId)
    .update('\0')
    .update(raw.subarray(Math.min(...ends)))
    .digest();
}

export function recipientRow({ reported, verdict, correlation, settled }: Understood): NewReportRecipient {
  const isTied = correlation.kind === 'delivery';
  return {
    recipient: reported.recipient && clean(reported.recipient, 400),
    finalRecipient: reported.finalRecipient && clean(reported.finalRecipient, 400),
    ...{ action: reported.action, reason: verdict.reason, verdict: verdict.kind, rule: verdict.rule },
    ...{ confidence: verdict.confidence, status: reported.status, replyCode: reported.replyCode },
    diagnostic: clean(reported.diagnostic, 2_000),
    feedbackType: reported.feedbackType && clean(reported.feedbackType, 100),
    messageId: isTied ? correlation.delivery.messageId : null,
    n: isTied ? correlation.delivery.n : null,
    correlatedBy: isTied ? correlation.by : null,
    isProven: isTied && correlation.isProven,
    correlation: correlation.why,
    ...{ decision: settled.decision, decidedBy: settled.decidedBy },
  };
}

export function saidBy({ diagnostic, status, replyCode, action }: ReportedRecipient): string {
  if (diagnostic !== '') return clean(diagnostic, 500);
  return [replyCode, status].filter(code => code !== null).join(' ') || action;
}

/** What strangers wrote, fit for PostgreSQL: no NUL, no half of a surrogate pair, and no longer than it needs to be. */
export function clean(text: string, most: number): string {
  return text.slice(0, most).replaceAll('\0', ' ').toWellFormed();
}
