// One report, one transaction: kept as it came, what each recipient means, the outcomes and what follows. The same for
// what came by mail and for what a provider told. A report counts once: by its place where it was found, and by its digest.
import { addressKey } from '../src/mail/address.ts';
import type { Clock } from '../src/platform/clock.ts';
import type { Logger } from '../src/platform/log.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import type { Pool } from '../src/platform/postgres.ts';
import { type NewReport, putReport, putReportRecipients, type ReportSource } from '../src/store/reports.ts';
import type { Connection } from '../src/store/transaction.ts';
import type { BounceVerdict } from './classify.ts';
import type { Correlation } from './correlate.ts';
import type { ReportedRecipient } from './report/recipient.ts';
import { recipientRow, saidBy, type Understood } from './report-row.ts';
import { type Alarm, inLockOrder, type Settled, type Settling, settle, tellUnproven } from './settle.ts';

export type RecordOptions = {
  readonly pool: Pool;
  readonly suppressionsPerHour: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'reports' | 'outcomes'>;
};

export type Recording = {
  readonly report: NewReport;
  readonly source: Source;
  /** What is said of each recipient, and whom of ours it is about. Called when the report is new. */
  readonly understand: (connection: Connection) => Promise<readonly Read[]>;
  /** Further facts for the timeline. */
  readonly details?: object;
};

export type Source = ReportSource & {
  /** Runs in the same transaction, also when there was nothing to record. */
  readonly alongside?: (connection: Connection) => Promise<void>;
};

/** One recipient of a report, before anything is done because of it. */
export type Read = {
  readonly reported: ReportedRecipient;
  readonly verdict: BounceVerdict;
  readonly correlation: Correlation;
};

export type Recorded = {
  readonly reportId: string;
  readonly isNew: boolean;
  readonly recipients: readonly Understood[];
};

/** Within the caller's transaction; `announce` what came of it when that is committed. */
export async function recordReport(
  connection: Connection,
  { report, source, understand, details = {} }: Recording,
  options: RecordOptions,
): Promise<Recorded> {
  const { isNew, reportId } = await putReport(connection, report, source);
  await source.alongside?.(connection);
  if (!isNew) return { reportId, isNew, recipients: [] };
  const recipients = await settleAll(connection, await understand(connection), reportId, details, options);
  await putReportRecipients(connection, reportId, recipients.map(recipientRow));
  return { reportId, isNew, recipients };
}

async function settleAll(
  connection: Connection,
  read: readonly Read[],
  reportId: string,
  details: object,
  { clock, suppressionsPerHour }: RecordOptions,
): Promise<Understood[]> {
  const limits = { suppressionsPerHour, now: new Date(clock()) };
  const understood: Understood[] = read.map(one => ({ ...one, settled: untied(one.correlation) }));
  const tied = read.flatMap((one, i) =>
    one.correlation.kind === 'delivery'
      ? [{ ...settlingOf(one, one.correlation, reportId, details), i, correlation: one.correlation }]
      : [],
  );
  for (const { i, correlation, ...settling } of inLockOrder(tied)) {
    if (!correlation.isProven) await tellUnproven(connection, settling, correlation.why);
    else understood[i] = { ...understood[i]!, settled: await settle(connection, settling, limits) };
  }
  return understood;
}

function untied({ kind }: Correlation): Settled {
  return { decision: 'nothing', decidedBy: kind === 'none' ? 'no-message-of-ours' : 'not-proven', alarms: [] };
}

function settlingOf(
  { reported, verdict }: Read,
  { delivery, by, why }: Correlation & { kind: 'delivery' },
  reportId: string,
  details: object,
): Settling {
  return {
    ...{ delivery, verdict, reportId, action: reported.action, feedbackType: reported.feedbackType },
    said: saidBy(reported),
    details: { correlatedBy: by, correlation: why, ...details },
  };
}

export function announce({ report, source: { source } }: Recording, recorded: Recorded, options: RecordOptions): void {
  const { log, metrics } = options;
  const { reportId, isNew, recipients } = recorded;
  if (!isNew) return;
  metrics.reports.inc({ kind: report.kind });
  for (const { reported, verdict, correlation, settled } of recipients) {
    metrics.outcomes.inc({ reason: verdict.reason, decision: settled.decision });
    log.info(
      {
        event: 'report-recorded',
        ...{ reportId, source, kind: report.kind, action: reported.action, reason: verdict.reason },
        rule: verdict.rule,
        ...(correlation.kind === 'delivery' ? { messageId: correlation.delivery.messageId } : {}),
        recipientDomain: domainIn(reported.recipient),
        ...{ correlation: correlation.why, decision: settled.decision, decidedBy: settled.decidedBy },
      },
      'report-recorded',
    );
  }
  warnOf(
    recipients.flatMap(({ settled }) => settled.alarms),
    log,
  );
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
