// `ingestReport`: the only way in for what comes back, whether by mailbox, by SMTP or by hand. One transaction writes the
// report, what was understood of it, the outcomes and what follows. The same report counts once, by whatever way and
// however often it comes: by its place in a mailbox, and by its Message-ID and body.
import { addressKey } from '../src/mail/address.ts';
import type { Clock } from '../src/platform/clock.ts';
import type { Logger } from '../src/platform/log.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import type { Pool } from '../src/platform/postgres.ts';
import { findCandidates, putReport, putReportRecipients, type ReportSource } from '../src/store/reports.ts';
import { type Connection, inTransaction } from '../src/store/transaction.ts';
import { classifyBounce } from './classify.ts';
import { type Clues, findClues, type Ring } from './clues.ts';
import { type Candidate, type Correlation, correlate, GUESS_WITHIN_MS, namesOf } from './correlate.ts';
import { parseReport } from './report/parse.ts';
import type { BounceReport } from './report/recipient.ts';
import { clean, recipientRow, reportRow, saidBy, type Understood } from './report-row.ts';
import { type Alarm, inLockOrder, type Settled, type Settling, settle, tellUnproven } from './settle.ts';

export type Source = ReportSource & {
  /** Runs in the same transaction, also when there was nothing to record. */
  readonly alongside?: (connection: Connection) => Promise<void>;
};

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

export type IngestOptions = {
  readonly pool: Pool;
  readonly ring: Ring;
  readonly suppressionsPerHour: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'reports' | 'outcomes'>;
};

export function createIngest(options: IngestOptions): IngestReport {
  return async (bytes, source) => {
    const report = parseReport(bytes);
    if (report.kind === 'not-a-bounce') {
      if (source.alongside) await inTransaction(options.pool, source.alongside);
      return { kind: 'not-a-report' };
    }
    const recorded = await inTransaction(options.pool, connection =>
      record(connection, report, bytes, source, options),
    );
    announce(report, recorded, source, options);
    return recorded.ingested;
  };
}

type Recorded = {
  readonly ingested: Ingested;
  readonly recipients: readonly Understood[];
  readonly alarms: readonly Alarm[];
};

async function record(
  connection: Connection,
  report: BounceReport,
  bytes: Uint8Array,
  source: Source,
  options: IngestOptions,
): Promise<Recorded> {
  const { ring, clock } = options;
  const now = clock();
  const { isNew, reportId } = await putReport(connection, reportRow(report, bytes, now), source);
  await source.alongside?.(connection);
  if (!isNew) return { ingested: { kind: 'known', reportId }, recipients: [], alarms: [] };
  const clues = findClues(report, bytes, ring, now);
  const candidates = await findCandidates(connection, searchFor(report, clues, now));
  const recipients = await settleAll(connection, report, clues, candidates, reportId, options);
  await putReportRecipients(connection, reportId, recipients.map(recipientRow));
  return {
    ingested: { kind: 'recorded', reportId, recipients: recipients.map(summarise) },
    recipients,
    alarms: recipients.flatMap(({ settled }) => settled.alarms),
  };
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

async function settleAll(
  connection: Connection,
  report: BounceReport,
  clues: Clues,
  candidates: readonly Candidate[],
  reportId: string,
  { clock, suppressionsPerHour }: IngestOptions,
): Promise<Understood[]> {
  const now = new Date(clock());
  const open = report.recipients.map((reported, i) => {
    const correlation = correlate(reported, clues, candidates, now.getTime());
    const verdict = classifyBounce(reported);
    return { i, reported, verdict, correlation };
  });
  const understood: Understood[] = open.map(one => ({ ...one, settled: untied(one.correlation) }));
  const tied = open.flatMap(one =>
    one.correlation.kind === 'delivery'
      ? [{ ...settlingOf(one, one.correlation, reportId), i: one.i, correlation: one.correlation }]
      : [],
  );
  for (const { i, correlation, ...settling } of inLockOrder(tied)) {
    if (!correlation.isProven) await tellUnproven(connection, settling, correlation.why);
    else
      understood[i] = { ...understood[i]!, settled: await settle(connection, settling, { suppressionsPerHour, now }) };
  }
  return understood;
}

function untied({ kind }: Correlation): Settled {
  return { decision: 'nothing', decidedBy: kind === 'none' ? 'no-message-of-ours' : 'not-proven', alarms: [] };
}

function settlingOf(
  { reported, verdict }: Pick<Understood, 'reported' | 'verdict'>,
  { delivery, by, why }: Correlation & { kind: 'delivery' },
  reportId: string,
): Settling {
  return {
    ...{ delivery, verdict, reportId, action: reported.action, feedbackType: reported.feedbackType },
    said: saidBy(reported),
    details: { correlatedBy: by, correlation: why },
  };
}

function summarise(understood: Understood): IngestedRecipient {
  const { recipient, reason, messageId, isProven, correlation, decision, decidedBy } = recipientRow(understood);
  return { recipient, reason, messageId, isProven, correlation, decision, decidedBy };
}

function announce(report: BounceReport, recorded: Recorded, { source }: Source, { log, metrics }: IngestOptions): void {
  const { ingested, recipients, alarms } = recorded;
  if (ingested.kind !== 'recorded') return;
  metrics.reports.inc({ kind: report.kind });
  for (const { reported, verdict, correlation, settled } of recipients) {
    metrics.outcomes.inc({ reason: verdict.reason, decision: settled.decision });
    log.info(
      {
        event: 'report-recorded',
        ...{ reportId: ingested.reportId, source, kind: report.kind, action: reported.action, reason: verdict.reason },
        rule: verdict.rule,
        ...(correlation.kind === 'delivery' ? { messageId: correlation.delivery.messageId } : {}),
        recipientDomain: domainIn(reported.recipient),
        ...{ correlation: correlation.why, decision: settled.decision, decidedBy: settled.decidedBy },
      },
      'report-recorded',
    );
  }
  warnOf(alarms, log);
}

export function warnOf(alarms: readonly Alarm[], log: Logger): void {
  for (const { kind, topic, reason } of alarms) {
    if (kind === 'bounce-alarm')
      log.warn({ event: 'bounce-alarm', topic, reason }, 'bounces that are not the recipient’s fault');
    else log.error({ event: 'suppressions-capped', topic, reason }, 'more suppressions wait for a person');
  }
}

function domainIn(address: string | null): string | null {
  return address === null ? null : addressKey(address).slice(address.lastIndexOf('@') + 1);
}
