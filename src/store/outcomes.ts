// What came of deliveries after an upstream took or refused them, each fact counted once whoever told it; what was done
// to the address because of it; and the alarms that follow. All of it within the caller's transaction.
import { addressKey } from '../mail/address.ts';
import type { EventKind } from '../mail/outcome.ts';
import type { MessageId, Stream } from '../mail/submission.ts';
import { putSuppressions, renewSuppression, type SuppressionReason } from './suppressions.ts';
import type { Connection } from './transaction.ts';

export type OutcomeKey = {
  readonly messageId: MessageId;
  readonly n: number;
  readonly fact: 'bounced' | 'complained' | 'delayed' | 'confirmed';
};

export type NewOutcome = OutcomeKey & {
  readonly reportId: string | null;
  readonly recipient: string;
  readonly tenantId: string;
  readonly stream: Stream;
  readonly reason: string;
  readonly rule: string;
  readonly evidence: string;
  readonly decision: 'suppressed' | 'waiting' | 'strike' | 'nothing';
  readonly decidedBy: string;
  readonly suppression: SuppressionReason | null;
  /** null = until it is lifted, or no suppression. */
  readonly suppressForMs: number | null;
};

/**
 * Serialises what is decided about an address, so that strikes are counted one by one. Whoever needs several takes them in
 * the order of their keys.
 */
export async function lockAddress(connection: Connection, tenantId: string, recipient: string): Promise<void> {
  await connection.query({
    name: 'lock-address',
    text: `select pg_advisory_xact_lock(hashtextextended($1, 1))`,
    values: [`${addressKey(recipient)} ${tenantId}`],
  });
}

export async function isKnownOutcome(connection: Connection, { messageId, n, fact }: OutcomeKey): Promise<boolean> {
  const { rows } = await connection.query({
    name: 'is-known-outcome',
    text: 'select 1 from outcomes where message_id = $1 and n = $2 and fact = $3',
    values: [messageId, n, fact],
  });
  return rows.length > 0;
}

export async function putOutcome(connection: Connection, outcome: NewOutcome): Promise<void> {
  await connection.query({
    name: 'put-outcome',
    text: `insert into outcomes (message_id, n, fact, report_id, address_key, tenant_id, stream, reason, rule, evidence,
             decision, decided_by, suppression, suppress_for)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 * interval '1 ms')`,
    values: [
      outcome.messageId,
      outcome.n,
      outcome.fact,
      outcome.reportId,
      addressKey(outcome.recipient),
      outcome.tenantId,
      outcome.stream,
      outcome.reason,
      outcome.rule,
      outcome.evidence,
      outcome.decision,
      outcome.decidedBy,
      outcome.suppression,
      outcome.suppressForMs,
    ],
  });
}

/** Strikes that have led to nothing yet; those before a suppression by strikes are used up. */
export async function strikesAgainst(connection: Connection, tenantId: string, recipient: string, since: Date) {
  const { rows } = await connection.query<{ at: Date; acceptedAt: Date }>({
    name: 'strikes-against',
    text: `select o.at, m.accepted_at as "acceptedAt" from outcomes o join messages m using (message_id)
           where o.decision = 'strike' and o.address_key = $1 and o.tenant_id = $2 and o.at >= $3
             and o.at > coalesce((select max(s.decided_at) from outcomes s
                                  where s.address_key = $1 and s.tenant_id = $2 and s.decision = 'suppressed'), '-infinity')`,
    values: [addressKey(recipient), tenantId, since],
  });
  return rows;
}

/** When the last message before `before` was accepted that was delivered, and of which no bounce was heard. */
export async function lastSuccess(
  connection: Connection,
  tenantId: string,
  recipient: string,
  before: Date,
): Promise<Date | null> {
  const { rows } = await connection.query<{ acceptedAt: Date }>({
    name: 'last-success',
    text: `select m.accepted_at as "acceptedAt" from deliveries d join messages m using (message_id)
           where d.recipient_key = $1 and d.state = 'delivered' and m.tenant_id = $2 and m.accepted_at < $3
             and not exists (select 1 from outcomes o
                             where o.message_id = d.message_id and o.n = d.n and o.fact = 'bounced')
           order by d.message_id desc limit 1`,
    values: [addressKey(recipient), tenantId, before],
  });
  return rows[0]?.acceptedAt ?? null;
}

/** Counts what was suppressed within the hour, alone: nobody else counts or adds until this transaction ends. */
export async function suppressedWithinAnHour(connection: Connection): Promise<number> {
  await connection.query(`select pg_advisory_xact_lock(hashtextextended('postern suppressions', 0))`);
  const { rows } = await connection.query<{ count: number }>({
    name: 'suppressed-within-an-hour',
    text: `select count(*)::integer as count from outcomes
           where decision = 'suppressed' and decided_at > now() - interval '1 hour'`,
  });
  return rows[0]!.count;
}

export type ToSuppress = {
  readonly delivery: { readonly messageId: MessageId; readonly n: number };
  readonly recipient: string;
  readonly tenantId: string;
  readonly stream: Stream | null;
  readonly reason: SuppressionReason;
  readonly forMs: number | null;
  readonly evidence: string;
};

/**
 * The one place where a bounce or a complaint becomes a suppression. Bounces have an end, and after it a probation; a
 * complaint holds until somebody lifts it, and so does whatever held before without an end.
 */
export async function suppressAddress(connection: Connection, wanted: ToSuppress): Promise<void> {
  const { recipient: address, tenantId, stream, reason, forMs, evidence, delivery } = wanted;
  if ((reason === 'hard-bounce' || reason === 'soft-bounces') && forMs !== null) {
    await renewSuppression(connection, { address, tenantId, stream, reason, evidence, forMs, delivery });
    return;
  }
  const { rows } = await connection.query({
    name: 'holds-for-ever',
    text: `select 1 from suppressions where address_key = $1 and tenant_id is not distinct from $2
           and stream is not distinct from $3 and expires_at is null`,
    values: [addressKey(address), tenantId, stream],
  });
  if (rows.length > 0) return;
  await putSuppressions(connection, [{ address, tenantId, stream, reason, evidence, expiresAt: null }]);
}

export type NewEvent = {
  readonly kind: EventKind;
  readonly messageId: MessageId | null;
  readonly n: number | null;
  readonly topic: string | null;
  readonly data: object;
};

export async function putEvent(connection: Connection, { kind, messageId, n, topic, data }: NewEvent): Promise<void> {
  await connection.query({
    name: 'put-event',
    text: 'insert into events (kind, message_id, n, topic, data) values ($1, $2, $3, $4, $5)',
    values: [kind, messageId, n, topic, JSON.stringify(data)],
  });
}

/** Reports that prove nothing may be invented by the thousand: a message's timeline shows the first ones. */
export async function countEvents(connection: Connection, messageId: MessageId, kind: EventKind): Promise<number> {
  const { rows } = await connection.query<{ count: number }>({
    name: 'count-events',
    text: 'select count(*)::integer as count from events where message_id = $1 and kind = $2',
    values: [messageId, kind],
  });
  return rows[0]!.count;
}

/** Counts one more; whether it is the hour's first, which somebody should hear of. `count` is the hour before's. */
export async function raiseAlarm(connection: Connection, topic: string, reason: string) {
  const { rows } = await connection.query<{ isRaised: boolean; before: number }>({
    name: 'raise-alarm',
    text: `with earlier as (
             select raised_at, count from bounce_alarms where topic = $1 and reason = $2 for update
           ), counted as (
             insert into bounce_alarms (topic, reason, raised_at, count) values ($1, $2, now(), 1)
             on conflict (topic, reason) do update
             set count = case when bounce_alarms.raised_at > now() - interval '1 hour' then bounce_alarms.count + 1 else 1 end,
                 raised_at = case when bounce_alarms.raised_at > now() - interval '1 hour' then bounce_alarms.raised_at
                             else now() end
             returning count
           )
           select c.count = 1 as "isRaised", coalesce((select count from earlier), 0) as before from counted c`,
    values: [topic, reason],
  });
  return rows[0]!;
}
