// `ingestReport`: the only way in for what comes back as mail, whether by mailbox, by SMTP or by hand. The same report
// counts once, by whatever way and however often it comes: by its place in a mailbox, and by its Message-ID and body.
import { findCandidates } from '../src/store/reports.ts';
import { type Connection, inTransaction } from '../src/store/transaction.ts';
import { classifyBounce } from './classify.ts';
import { type Clues, findClues, type Ring } from './clues.ts';
import { correlate, GUESS_WITHIN_MS, namesOf } from './correlate.ts';
import { announce, type Read, type Recording, type RecordOptions, recordReport, type Source } from './record.ts';
import { parseReport } from './report/parse.ts';
import type { BounceReport } from './report/recipient.ts';
import { clean, recipientRow, reportRow, type Understood } from './report-row.ts';

export type Ingested =
  | { readonly kind: 'not-a-report' }
  | { readonly kind: 'known'; readonly reportId: string }
  | { readonly kind: 'recorded'; readonly reportId: string; readonly recipients: readonly IngestedRecipient[] };

export type IngestedRecipient = {
  readonly recipient: string | null;
  readonly reason: string;
  readonly messageId: string | null;
  readonly isProven: boolean;
  readonly correlation: string;
  readonly decision: string;
  readonly decidedBy: string;
};

/** Rejects when the database does; nothing has happened then. */
export type IngestReport = (bytes: Uint8Array, source: Source) => Promise<Ingested>;

export type IngestOptions = RecordOptions & { readonly ring: Ring };

export function createIngest(options: IngestOptions): IngestReport {
  return async (bytes, source) => {
    const report = parseReport(bytes);
    if (report.kind === 'not-a-bounce') {
      if (source.alongside) await inTransaction(options.pool, source.alongside);
      return { kind: 'not-a-report' };
    }
    const now = options.clock();
    const recording: Recording = {
      report: reportRow(report, bytes, now),
      source,
      understand: connection => understand(connection, report, findClues(report, bytes, options.ring, now), now),
    };
    const recorded = await inTransaction(options.pool, connection => recordReport(connection, recording, options));
    announce(recording, recorded, options);
    const { isNew, reportId, recipients } = recorded;
    return isNew ? { kind: 'recorded', reportId, recipients: recipients.map(summarise) } : { kind: 'known', reportId };
  };
}

async function understand(connection: Connection, report: BounceReport, clues: Clues, now: number): Promise<Read[]> {
  const candidates = await findCandidates(connection, searchFor(report, clues, now));
  return report.recipients.map(reported => ({
    reported,
    verdict: classifyBounce(reported),
    correlation: correlate(reported, clues, candidates, now),
  }));
}

function searchFor(report: BounceReport, clues: Clues, now: number) {
  const tokens = [...clues.returnPaths, ...(clues.envelopeId ? [clues.envelopeId] : [])];
  const issued = tokens.filter(token => token.kind === 'valid' || token.kind === 'expired');
  return {
    messageIds: [...issued.map(({ messageId }) => messageId), ...clues.ourIds],
    internetMessageIds: clues.internetMessageIds.map(id => clean(id, 800)),
    recipientKeys: [...new Set(report.recipients.flatMap(namesOf))].map(key => clean(key, 400)),
    numbers: issued.map(({ n }) => n).filter(n => n !== null),
    since: new Date(now - GUESS_WITHIN_MS),
  };
}

function summarise(understood: Understood): IngestedRecipient {
  const { recipient, reason, messageId, isProven, correlation, decision, decidedBy } = recipientRow(understood);
  return { recipient, reason, messageId, isProven, correlation, decision, decidedBy };
}
