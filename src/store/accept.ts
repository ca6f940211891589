// Makes messages durable: one statement, and so one transaction, for all that finished DATA in the meantime.
import type { Pool } from 'pg';
import type { DeliveryState, EventKind } from '../mail/outcome.ts';
import type { MessageId, Stream } from '../mail/submission.ts';

export type NewMessage = {
  readonly messageId: MessageId;
  readonly tenantId: string;
  readonly credentialId: string;
  readonly credentialName: string;
  readonly stream: Stream;
  readonly reversePath: string | null;
  readonly ret: 'FULL' | 'HDRS' | null;
  readonly envid: string | null;
  readonly body: '7BIT' | '8BITMIME';
  readonly smtpUtf8: boolean;
  readonly internetMessageId: string | null;
  readonly headerFrom: string | null;
  readonly subject: string | null;
  readonly traceHeader: string;
  readonly remoteAddress: string;
  readonly acceptedAt: Date;
  readonly expiresAt: Date;
};

export type NewDelivery = {
  readonly n: number;
  readonly recipient: string;
  readonly recipientKey: string;
  readonly notify: string | null;
  readonly orcpt: string | null;
  readonly state: DeliveryState;
  readonly attempt: number;
  readonly leaseHolder: string | null;
  /** From now; null unless queued. */
  readonly dueInMs: number | null;
  readonly parked: boolean;
  readonly pinnedUpstream: string | null;
  readonly reason: string | null;
};

/** The attempt that a handed-over delivery begins with: the upstreams passed over, and the one that is tried. */
export type NewAttempt = { readonly hop: number; readonly upstream: string; readonly skipped: string | null };

export type Acceptance = {
  readonly message: NewMessage;
  readonly content: Buffer;
  readonly deliveries: readonly NewDelivery[];
  /** The same for each delivery. */
  readonly attempts: readonly NewAttempt[];
  readonly event: EventKind;
};

// JSON in, rows out: one parameter a table. Deliveries repeat what they need of their message: joining the two parameters
// would compare each with each, as this connection has no hash joins (postgres.ts). Contents travel as one binary value that is cut up there, since an array of
// bytea would be sent as hexadecimal text at twice the size.
const INSERT_ACCEPTED = `
with message as (
  select * from json_to_recordset($1::json) as m (
    "messageId" text, "tenantId" text, "credentialId" text, "credentialName" text, "stream" text, "reversePath" text,
    "ret" text, "envid" text, "body" text, "smtpUtf8" boolean, "internetMessageId" text, "headerFrom" text,
    "subject" text, "traceHeader" text, "remoteAddress" text, "acceptedAt" timestamptz, "expiresAt" timestamptz,
    "start" integer, "size" integer, "event" text)
), wanted as (
  select * from json_to_recordset($2::json) as d (
    "messageId" text, "n" integer, "recipient" text, "recipientKey" text, "notify" text, "orcpt" text, "state" text,
    "attempt" integer, "leaseHolder" text, "dueInMs" double precision, "parked" boolean, "pinnedUpstream" text,
    "reason" text, "attempts" json, "tenantId" text, "stream" text)
), delivery as (
  select wanted.*, s.reason as "suppressed"
  from wanted left join lateral (
    select reason from suppressions
    where address_key = wanted."recipientKey" and wanted."state" = 'queued'
      and (tenant_id is null or tenant_id = wanted."tenantId") and (stream is null or stream = wanted."stream")
      and (expires_at is null or expires_at > now())
    limit 1
  ) s on true
), new_messages as (
  insert into messages
  select "messageId", "tenantId", "credentialId", "credentialName", "stream", "reversePath", "ret", "envid", "body",
         "smtpUtf8", "internetMessageId", "headerFrom", "subject", "traceHeader", "size", "remoteAddress",
         "acceptedAt", "expiresAt"
  from message
), new_contents as (
  insert into contents select "messageId", substring($3::bytea from "start" + 1 for "size") from message
), new_deliveries as (
  insert into deliveries
  select "messageId", "n", "recipient", "recipientKey", "notify", "orcpt", "state", "attempt", "leaseHolder",
         now() + "dueInMs" * interval '1 ms', "parked", "pinnedUpstream", "reason", now()
  from delivery where "suppressed" is null
  union all
  select "messageId", "n", "recipient", "recipientKey", "notify", "orcpt", 'suppressed', 0, null,
         null, false, null, "suppressed", now()
  from delivery where "suppressed" is not null
), new_attempts as (
  insert into attempts (message_id, n, attempt, hop, upstream, opened_at, ended_at, result, detail)
  select "messageId", "n", 1, a."hop", a."upstream", now(),
         case when a."skipped" is not null then now() end, case when a."skipped" is not null then 'skipped' end, a."skipped"
  from delivery cross join json_to_recordset("attempts") as a ("hop" integer, "upstream" text, "skipped" text)
  where "suppressed" is null
), new_events as (
  insert into events (kind, message_id, n, data)
  select "event", "messageId", null::integer, null::jsonb from message
  union all
  select 'suppressed', "messageId", "n", jsonb_build_object('reason', "suppressed")
  from delivery where "suppressed" is not null
)
select "messageId", "n", "suppressed" as "reason" from delivery where "suppressed" is not null`;

/** A recipient that is on the suppression list: stored, and never tried. */
export type SuppressedRecipient = { readonly messageId: MessageId; readonly n: number; readonly reason: string };

/** Resolves after the commit, with the recipients that turned out to be suppressed. */
export async function insertAccepted(pool: Pool, batch: readonly Acceptance[]): Promise<SuppressedRecipient[]> {
  const messages: object[] = [];
  const deliveries: object[] = [];
  let start = 0;
  for (const { message, content, attempts, event, deliveries: own } of batch) {
    const { messageId, tenantId, stream } = message;
    messages.push({ ...message, start, size: content.length, event });
    for (const delivery of own) deliveries.push({ ...delivery, messageId, tenantId, stream, attempts });
    start += content.length;
  }
  const contents =
    batch.length === 1
      ? batch[0]!.content
      : Buffer.concat(
          batch.map(({ content }) => content),
          start,
        );
  const { rows } = await pool.query<SuppressedRecipient>({
    name: 'insert-accepted',
    text: INSERT_ACCEPTED,
    values: [JSON.stringify(messages), JSON.stringify(deliveries), contents],
  });
  return rows;
}
