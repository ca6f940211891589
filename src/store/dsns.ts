// What delivery status notifications are made from, and that each is made once: events in order of commit, for whoever may
// want to be told; what was told already; and deliveries that are late.
import type { DeliveryState, EventKind } from '../mail/outcome.ts';
import type { DsnPolicy, MessageId } from '../mail/submission.ts';
import type { Connection } from './transaction.ts';

/** An event, with all that a notification of it says. */
export type Tellable = {
  readonly kind: EventKind;
  readonly messageId: MessageId;
  readonly n: number;
  readonly tenantId: string;
  readonly credentialId: string;
  readonly credentialName: string;
  readonly policy: DsnPolicy;
  readonly reversePath: string;
  readonly ret: 'FULL' | 'HDRS' | null;
  readonly envid: string | null;
  readonly smtpUtf8: boolean;
  readonly internetMessageId: string | null;
  readonly subject: string | null;
  readonly traceHeader: string;
  readonly omitted: readonly number[];
  readonly size: number;
  readonly acceptedAt: Date;
  readonly expiresAt: Date;
  readonly recipient: string;
  readonly notify: string | null;
  readonly orcpt: string | null;
  /** As the delivery is now. */
  readonly state: DeliveryState;
  readonly reason: string | null;
  /** Attempts begun. */
  readonly attempt: number;
  /** The last attempt that came to something; `attemptedAt` null: there was none. */
  readonly attemptedAt: Date | null;
  readonly smtpCode: number | null;
  readonly enhancedStatus: string | null;
  readonly detail: string | null;
  readonly remoteAddress: string | null;
  /** Of the report that the event is about. */
  readonly reportedAction: string | null;
  readonly reportedStatus: string | null;
  readonly reportedSaid: string | null;
};

export type Seen = {
  readonly xact: string;
  readonly eventId: number;
  /** null: about mail whose sender wants nothing told, or can be told nothing. */
  readonly tellable: Tellable | null;
};

// By the index events_tellable. Whoever is told nothing costs a look at their message and credential, and no more.
const READ_TELLABLE = `
with seen as materialized (
  select xact, event_id, kind, message_id, n, data from events
  where (kind in ('failed', 'expired', 'suppressed', 'delayed', 'bounced', 'rejected-by-provider', 'delay-reported',
                  'delivery-confirmed')
         or kind = 'delivered' and data ? 'successIsOurs')
    and (xact, event_id) > ($1::xid8, $2) and xact < pg_snapshot_xmin(pg_current_snapshot())
  order by xact, event_id limit $3
)
select s.xact::text as xact, s.event_id as "eventId", t.tellable
from seen s
left join lateral (
  select json_build_object(
    'kind', s.kind, 'messageId', m.message_id, 'n', d.n, 'tenantId', m.tenant_id, 'credentialId', m.credential_id,
    'credentialName', m.credential_name, 'policy', coalesce(c.dsn, 'asked'), 'reversePath', m.reverse_path,
    'ret', m.ret, 'envid', m.envid, 'smtpUtf8', m.smtp_utf8, 'internetMessageId', m.internet_message_id,
    'subject', m.subject, 'traceHeader', m.trace_header, 'omitted', m.omitted, 'size', m.size,
    'acceptedAt', m.accepted_at, 'expiresAt', m.expires_at, 'recipient', d.recipient, 'notify', d.notify,
    'orcpt', d.orcpt, 'state', d.state, 'reason', d.reason, 'attempt', d.attempt,
    'attemptedAt', coalesce(a.ended_at, a.opened_at), 'smtpCode', a.smtp_code, 'enhancedStatus', a.enhanced_status,
    'detail', a.detail, 'remoteAddress', a.remote_address, 'reportedAction', s.data ->> 'action',
    'reportedStatus', r.status, 'reportedSaid', coalesce(nullif(r.diagnostic, ''), s.data ->> 'said')) as tellable
  from messages m
  join deliveries d on d.message_id = m.message_id and d.n = s.n
  left join credentials c on c.credential_id = m.credential_id
  left join lateral (
    select * from attempts
    where message_id = d.message_id and n = d.n and result <> 'skipped'
    order by attempt desc, hop desc limit 1
  ) a on true
  left join lateral (
    select status, diagnostic from report_recipients
    where report_id = s.data ->> 'report' and message_id = d.message_id and n = d.n
    order by i limit 1
  ) r on true
  where m.message_id = s.message_id and m.reverse_path is not null and d.notify is distinct from 'NEVER'
    and coalesce(c.dsn, 'asked') <> 'never' and (d.notify is not null or c.dsn = 'always')
) t on true
order by s.xact, s.event_id`;

type Json<T> = {
  readonly [K in keyof T]: T[K] extends Date ? string : T[K] extends Date | null ? string | null : T[K];
};

/** In order of commit, behind the oldest transaction that is still open. */
export async function readTellable(
  connection: Connection,
  after: { xact: string; eventId: number },
  limit: number,
): Promise<Seen[]> {
  const { rows } = await connection.query<{ xact: string; eventId: number; tellable: Json<Tellable> | null }>({
    name: 'read-tellable',
    text: READ_TELLABLE,
    values: [after.xact, after.eventId, limit],
  });
  return rows.map(({ tellable, ...seen }) => ({ ...seen, tellable: tellable && withDates(tellable) }));
}

function withDates(tellable: Json<Tellable>): Tellable {
  const { acceptedAt, expiresAt, attemptedAt } = tellable;
  return {
    ...tellable,
    acceptedAt: new Date(acceptedAt),
    expiresAt: new Date(expiresAt),
    attemptedAt: attemptedAt === null ? null : new Date(attemptedAt),
  };
}

export type DsnKey = {
  readonly messageId: MessageId;
  readonly n: number;
  readonly kind: 'failure' | 'delay' | 'success';
  readonly attempt: number;
};

/** Which of them were told before. */
export async function toldAlready(connection: Connection, keys: readonly DsnKey[]): Promise<DsnKey[]> {
  const { rows } = await connection.query<DsnKey>({
    name: 'told-already',
    text: `select k."messageId", k."n", k."kind", k."attempt"
           from json_to_recordset($1::json) as k ("messageId" text, "n" integer, "kind" text, "attempt" integer)
           where exists (select 1 from dsns d where d.message_id = k."messageId" and d.n = k."n" and d.kind = k."kind"
                           and d.attempt = k."attempt")`,
    values: [JSON.stringify(keys)],
  });
  return rows;
}

export type MadeDsn = DsnKey & { readonly dsnMessageId: MessageId; readonly to: string; readonly rule: string };

/** On the timeline of each delivery, in the transaction that accepts the notification. Throws where one was told before. */
export async function putDsns(connection: Connection, made: readonly MadeDsn[]): Promise<void> {
  await connection.query({
    name: 'put-dsns',
    text: `with made as (
             select * from json_to_recordset($1::json) as m ("messageId" text, "n" integer, "kind" text,
               "attempt" integer, "dsnMessageId" text, "to" text, "rule" text)
           ), kept as (
             insert into dsns (message_id, n, kind, attempt, dsn_message_id)
             select "messageId", "n", "kind", "attempt", "dsnMessageId" from made
           )
           insert into events (kind, message_id, n, data)
           select 'dsn-sent', "messageId", "n",
                  jsonb_build_object('kind', "kind", 'dsn', "dsnMessageId", 'to', "to", 'rule', "rule")
           from made`,
    values: [JSON.stringify(made)],
  });
}

export type ContentWanted = { readonly messageId: MessageId; readonly bytes: number };

/** The beginning of each content, as long as it is wanted; in binary, as `loadContents` does. */
export async function loadBeginnings(
  connection: Connection,
  wanted: readonly ContentWanted[],
): Promise<Map<MessageId, Buffer>> {
  const query = {
    name: 'load-beginnings',
    text: `select c.message_id, substring(c.bytes from 1 for w."bytes") as bytes
           from json_to_recordset($1::json) as w ("messageId" text, "bytes" integer)
           join contents c on c.message_id = w."messageId"`,
    values: [JSON.stringify(wanted)],
    binary: true,
  };
  const { rows } = await connection.query<{ message_id: MessageId; bytes: Buffer }>(query);
  return new Map(rows.map(row => [row.message_id, row.bytes]));
}

/** Up to when what began has been looked at, held for this transaction; null: another process looks. */
export async function takeDelaySweep(connection: Connection): Promise<Date | null> {
  const { rows } = await connection.query<{ until: Date }>({
    name: 'take-delay-sweep',
    text: `select until from sweeps where sweep = 'delays' for update skip locked`,
  });
  return rows[0]?.until ?? null;
}

export type Span = {
  readonly from: Date;
  readonly to: Date;
  /** The first ids of messages that were accepted then. */
  readonly fromId: string;
  readonly toId: string;
};

/**
 * Says of whatever began in that time and is still queued that it is delayed, and returns how many those were. Ids of
 * messages begin with the time: what was accepted is a range of the primary key, so that mail which is long delivered
 * needs no index for this. What began later than its acceptance has one (deliveries_begin).
 */
export async function tellDelays(connection: Connection, { from, to, fromId, toId }: Span): Promise<number> {
  const { rowCount } = await connection.query({
    name: 'tell-delays',
    text: `with late as (
             select message_id, n, reason, due_at from deliveries
             where message_id >= $1 and message_id < $2 and state = 'queued' and begins_at is null
             union all
             select message_id, n, reason, due_at from deliveries
             where begins_at >= $3 and begins_at < $4 and begins_at is not null and state = 'queued'
           ), moved as (
             update sweeps set until = $4 where sweep = 'delays'
           )
           insert into events (kind, message_id, n, data)
           select 'delayed', message_id, n, jsonb_build_object('reason', reason, 'nextTryAt', due_at) from late`,
    values: [fromId, toId, from, to],
  });
  return rowCount ?? 0;
}
