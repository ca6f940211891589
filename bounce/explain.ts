/** Parse and classify in one go, with the lines that convinced: what `postern bounce explain` and the API show. */
import { classifyBounce } from './classify.ts';
import { parseReport } from './report/parse.ts';
import type { ReportAction, ReportedRecipient, ReportKind } from './report/recipient.ts';
import type { BounceReason } from './rules/reason.ts';

export interface ExplainedRecipient {
  readonly recipient: string | null;
  readonly finalRecipient: string | null;
  readonly status: string | null;
  readonly replycode: string | null;
  readonly action: ReportAction;
  readonly reason: BounceReason;
  readonly hard: boolean;
  readonly rule: string;
  readonly confidence: number;
  readonly diagnostic: string;
  readonly feedbackType?: string;
  readonly lines: readonly EvidenceLine[];
}

export interface EvidenceLine {
  /** 1 for the first line of the message; null where it stands encoded. */
  readonly line: number | null;
  readonly text: string;
}

export interface Explanation {
  readonly kind: ReportKind;
  readonly format: string;
  readonly results: readonly ExplainedRecipient[];
}

export function explainReport(bytes: Uint8Array): Explanation {
  const report = parseReport(bytes);
  const numbers = new LineNumbers(bytes);
  return {
    kind: report.kind,
    format: report.format,
    results: report.recipients.map(one => explainRecipient(one, numbers)),
  };
}

function explainRecipient(one: ReportedRecipient, numbers: LineNumbers): ExplainedRecipient {
  const verdict = classifyBounce(one);
  return {
    recipient: one.recipient,
    finalRecipient: one.finalRecipient,
    status: one.status,
    replycode: one.replyCode,
    action: one.action === 'failed' && verdict.reason === 'expired' ? 'expired' : one.action,
    reason: verdict.reason,
    hard: verdict.kind === 'hard',
    rule: verdict.rule,
    confidence: verdict.confidence,
    diagnostic: one.diagnostic,
    ...(one.feedbackType === null ? {} : { feedbackType: one.feedbackType }),
    lines: numbers.of(one.evidence.filter(text => text !== '')),
  };
}

/** Looks the line up in the raw message, only when somebody asks: parsing itself keeps no positions. */
class LineNumbers {
  private readonly bytes: Uint8Array;
  private lines: string[] | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The numbers of lines that stand in the order of the message: each is looked for behind the one before it. */
  of(texts: readonly string[]): EvidenceLine[] {
    let from = 0;
    return texts.map(text => {
      const index = this.find(text, from);
      if (index !== -1) from = index + 1;
      return { line: index === -1 ? null : index + 1, text };
    });
  }

  private find(text: string, from: number): number {
    this.lines ??= Buffer.from(this.bytes.buffer, this.bytes.byteOffset, Math.min(this.bytes.byteLength, 256 * 1024))
      .toString('utf8')
      .split('\n', 5_000);
    const start = (text.split('\n', 1)[0] ?? '').trim().slice(0, 60);
    if (start === '') return -1;
    const next = this.lines.findIndex((line, index) => index >= from && line.includes(start));
    return next === -1 ? this.lines.findIndex(line => line.includes(start)) : next;
  }
}
