// Reports as they came in, each once whatever way it came, with what was understood of it and what was done.
import type { Pool } from 'pg';
import type { MessageId, Stream } from '../mail/submission.ts';
import type { Connection } from './transaction.ts';

export type NewReport = {
  readonly reportId: string;
  readonly digest: Buffer;
  readonly kind: 'dsn' | 'nonstandard' | 'arf' | 'auto-reply' | 'event';
  readonly format: string;
  readonly internetMessageId: string | null;
  readonly from: string | null;
  readonly subject: string | null;
  readonly size: number;
  readonly bytes: Buffer;
};

/** Where it was found: `key` is its place there. */
export type ReportSource = {
  readonly source: string;
  readonly key: string;
  /** Whether it waits to be moved, flagged or deleted there. */
  readonly toBeFiled: boolean;
};

/** Whether it is new; if not, under which id it is known. Waits for a transaction that is about to record the same. */
export async function putReport(
  connection: Connection,
  report: NewReport,
  { source, key, toBeFiled }: ReportSource,
): Promise<{ readonly isNew: boolean; readonly reportId: string }> {
  const { rows: made } = await connection.query<{ reportId: string }>({
    name: 'put-report',
    text: `insert into reports
             (report_id, digest, kind, format, internet_message_id, from_address, subject, size, bytes)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           on conflict (digest) do nothing returning report_id as "reportId"`,
    values: [
      report.reportId,
      report.digest,
      report.kind,
      report.format,
      report.internetMessageId,
      report.from,
      report.subject,
      report.size,
      report.bytes,
    ],
  });
  const { rows: placed } = await connection.query<{ reportId: string }>({
    name: 'put-report-source',
    text: `insert into report_sources (source, key, report_id, is_filed)
           select $1, $2, report_id, case when $4 then false end from reports where digest = $3
           on conflict (source, key) do update set key = excluded.key
           returning report_id as "reportId"`,
    values: [source, key, report.digest, toBeFiled],
  });
  return { isNew: made.length === 1, reportId: (made[0] ?? placed[0])!.reportId };
}

export type NewReportRecipient = {
  readonly recipient: string | null;
  readonly finalRecipient: string | null;
  readonly action: string;
  readonly reason: string;
  readonly verdict: 'hard' | 'soft' | 'none';
  readonly rule: string;
  readonly confidence: number;
  readonly status: string | null;
  readonly replyCode: string | null;
  readonly diagnostic: string;
  readonly feedbackType: string | null;
  readonly messageId: string | null;
  readonly n: number | null;
  readonly correlatedBy: string | null;
  readonly isProven: boolean;
  readonly correlation: string;
  readonly decision: string;
  readonly decidedBy: string;
};

export async function putReportRecipients(
  connection: Connection,
  reportId: string,
  recipients: readonly NewReportRecipient[],
): Promise<void> {
  await connection.query({
    name: 'put-report-recipients',
    text: `insert into report_recipients (report_id, i, recipient, final_recipient, action, reason, verdict, rule,
             confidence, status, reply_code, diagnostic, feedback_type, message_id, n, correlated_by, is_proven,
             correlation, decision, decided_by)
           select $1, "i", "recipient", "finalRecipient", "action", "reason", "verdict", "rule", "confidence", "status",
                  "replyCode", "diagnostic", "feedbackType", "messageId", "n", "correlatedBy", "isProven",
                  "correlation", "decision", "decidedBy"
           from json_to_recordset($2::json) as r (
             "i" integer, "recipient" text, "finalRecipient" text, "action" text, "reason" text, "verdict" text,
             "rule" text, "confidence" real, "status" text, "replyCode" text, "diagnostic" text, "feedbackType" text,
             "messageId" text, "n" integer, "correlatedBy" text, "isProven" boolean, "correlation" text,
             "decision" text, "decidedBy" text)`,
    values: [reportId, JSON.stringify(recipients.map((recipient, i) => ({ ...recipient, i })))],
  });
}

export type CandidateDelivery = {
  readonly messageId: MessageId;
  readonly n: number;
  readonly recipient: string;
  readonly tenantId: string;
  readonly stream: Stream;
  readonly internetMessageId: string | null;
  readonly acceptedAt: Date;
  /** Its message has no other delivery. */
  readonly isOnly: boolean;
};

export type CandidateSearch = {
  readonly messageIds: readonly string[];
  readonly internetMessageIds: readonly string[];
  /** Folded. */
  readonly recipientKeys: readonly string[];
  /** Numbers of recipients within the messages. */
  readonly numbers: readonly number[];
  /** Also the latest messages to these recipients, since then; null = only what was named. */
  readonly since: Date | null;
};

/** Messages of one Message-ID: an app that gives all of them the same one is not to cost more than this. */
const MAX_SAME_MESSAGE_ID = 50;
const MAX_RECENT = 3;

// Each part by an index of its own: messages by id, by Message-ID; then recipients' latest messages, of which ids sort by
// time. Of a message with many recipients only those come that the report names.
const FIND_CANDIDATES = `
with named as (
  select message_id from messages where message_id = any($1)
  union
  (select message_id from messages where internet_message_id = any($2) order by message_id desc
   limit ${MAX_SAME_MESSAGE_ID})
), wanted as (
  select d.message_id, d.n from named join deliveries d using (message_id)
  where d.recipient_key = any($3) or d.n = any($4) or d.n = 0
  union
  select recent.message_id, recent.n from unnest($3::text[]) as k (recipient_key) cross join lateral (
    select message_id, n from deliveries where recipient_key = k.recipient_key
    and $5::timestamptz is not null order by message_id desc limit ${MAX_RECENT}
  ) recent
)
select d.message_id as "messageId", d.n, d.recipient, m.tenant_id as "tenantId", m.stream,
       m.internet_message_id as "internetMessageId", m.accepted_at as "acceptedAt",
       not exists (select 1 from deliveries o where o.message_id = d.message_id and o.n = case d.n when 0 then 1 else 0 end)
         as "isOnly"
from wanted join deliveries d using (message_id, n) join messages m using (message_id)
where d.state not in ('captured', 'suppressed')
  and (m.accepted_at >= $5 or m.message_id in (select message_id from named))`;

/** Deliveries that a report may be about. */
export async function findCandidates(connection: Connection, search: CandidateSearch): Promise<CandidateDelivery[]> {
  const { messageIds, internetMessageIds, recipientKeys, numbers, since } = search;
  const { rows } = await connection.query<CandidateDelivery>({
    name: 'find-candidates',
    text: FIND_CANDIDATES,
    values: [messageIds, internetMessageIds, recipientKeys, numbers, since],
  });
  return rows;
}

/** Keys of what was recorded from there and still lies where it was found. */
export async function unfiledReports(pool: Pool, source: string, limit: number): Promise<string[]> {
  const { rows } = await pool.query<{ key: string }>({
    name: 'unfiled-reports',
    text: 'select key from report_sources where source = $1 and is_filed = false order by key limit $2',
    values: [source, limit],
  });
  return rows.map(row => row.key);
}

export async function markFiled(pool: Pool, source: string, keys: readonly string[]): Promise<void> {
  await pool.query({
    name: 'mark-filed',
    text: 'update report_sources set is_filed = true where source = $1 and key = any($2) and is_filed = false',
    values: [source, keys],
  });
}
