// Reading events in order of commit. Numbers of events are handed out before their transactions commit, so that a younger
// one may be seen before an older one: a follower reads only behind the oldest transaction that is still open, and
// remembers the pair (xact, event_id) up to which it came. What it does because of an event commits with that.
import type { MessageId, Stream } from '../mail/submission.ts';
import type { Stage } from '../mail/upstream.ts';
import type { Connection } from './transaction.ts';

/** A delivery that an upstream of ours refused for good, or that grew too old, with the last reply that it got. */
export type Failure = {
  readonly xact: string;
  readonly eventId: number;
  readonly kind: 'failed' | 'expired';
  readonly messageId: MessageId;
  readonly n: number;
  readonly recipient: string;
  readonly tenantId: string;
  readonly stream: Stream;
  readonly acceptedAt: Date;
  readonly upstream: string | null;
  readonly stage: Stage | null;
  readonly scope: string | null;
  readonly smtpCode: number | null;
  readonly enhancedStatus: string | null;
  readonly detail: string | null;
  /** The reply was to all recipients of a transaction with several: it is not known whom it means. */
  readonly isShared: boolean;
};

/** The cursor, held for this transaction: of several processes one follows at a time. null = another one does. */
export async function takeCursor(connection: Connection, follower: string) {
  const { rows } = await connection.query<{ xact: string; eventId: number }>(
    // A cursor ahead of all transactions comes from another server, whose dump was restored here: it begins anew.
    `select case when xact > pg_snapshot_xmax(pg_current_snapshot()) then pg_snapshot_xmin(pg_current_snapshot())
            else xact end::text as xact, event_id as "eventId"
     from followers where follower = $1 for update skip locked`,
    [follower],
  );
  return rows[0] ?? null;
}

// By the index events_failures, which holds nothing else.
const READ_FAILURES = `
select e.xact::text as xact, e.event_id as "eventId", e.kind, e.message_id as "messageId", e.n, d.recipient,
       m.tenant_id as "tenantId", m.stream, m.accepted_at as "acceptedAt", a.upstream, a.stage, a.scope,
       a.smtp_code as "smtpCode", a.enhanced_status as "enhancedStatus", a.detail,
       coalesce(a.stage <> 'rcpt' and exists (
         select 1 from attempts o
         where o.message_id = a.message_id and o.n <> a.n and o.attempt = a.attempt and o.hop = a.hop
           and o.opened_at = a.opened_at), false) as "isShared"
from events e
join deliveries d on d.message_id = e.message_id and d.n = e.n
join messages m on m.message_id = e.message_id
left join lateral (
  select * from attempts
  where message_id = e.message_id and n = e.n and result = 'refused'
  order by attempt desc, hop desc limit 1
) a on true
where e.kind in ('failed', 'expired') and (e.xact, e.event_id) > ($1::xid8, $2)
  and e.xact < pg_snapshot_xmin(pg_current_snapshot())
order by e.xact, e.event_id limit $3`;

export async function readFailures(
  connection: Connection,
  after: { xact: string; eventId: number },
  limit: number,
): Promise<Failure[]> {
  const { rows } = await connection.query<Failure>({
    name: 'read-failures',
    text: READ_FAILURES,
    values: [after.xact, after.eventId, limit],
  });
  return rows;
}

export async function moveCursor(connection: Connection, follower: string, to: { xact: string; eventId: number }) {
  await connection.query({
    name: 'move-cursor',
    text: 'update followers set xact = $2::xid8, event_id = $3 where follower = $1',
    values: [follower, to.xact, to.eventId],
  });
}
