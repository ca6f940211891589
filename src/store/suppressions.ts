// Addresses that are not to be mailed. The check itself is part of the accepting statement (accept.ts): it sees every
// suppression that is committed, costs no round trip, and cannot disagree with what is stored.
import { type Kysely, sql } from 'kysely';
import type { Pool } from 'pg';
import { addressKey } from '../mail/address.ts';
import type { MessageId, Stream } from '../mail/submission.ts';
import { againAfterDeadlock } from '../platform/postgres.ts';
import type { Database } from './schema.ts';
import type { Connection } from './transaction.ts';

export const SUPPRESSION_REASONS = ['hard-bounce', 'soft-bounces', 'complaint', 'unsubscribe', 'manual'] as const;
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];

/** For whom an address is suppressed: null = for all. */
export type SuppressionScope = { readonly tenantId: string | null; readonly stream: Stream | null };

/**
 * What a bounce suppressed is on probation when its time is over. `due`: the next message to it goes out as its probe;
 * `out`: a probe is on its way, and the others are suppressed as before.
 */
export type Probation = 'due' | 'out';

export type Suppression = SuppressionScope & {
  readonly address: string;
  readonly reason: SuppressionReason;
  readonly evidence: string | null;
  readonly createdAt: Date;
  /** null = until it is lifted by hand; while a probe is out, how long its end is waited for. */
  readonly expiresAt: Date | null;
  /** Bounces in a row. */
  readonly times: number;
  readonly probation: Probation | null;
};

export type NewSuppression = Omit<Suppression, 'createdAt' | 'times' | 'probation'> & { readonly times?: number };

const UPSERT = `
insert into suppressions (address_key, tenant_id, stream, reason, evidence, expires_at, times)
select distinct on ("address", "tenantId", "stream")
       "address", "tenantId", "stream", "reason", "evidence", "expiresAt", coalesce("times", 1)
from json_to_recordset($1::json) as s (
  "address" text, "tenantId" text, "stream" text, "reason" text, "evidence" text, "expiresAt" timestamptz,
  "times" integer)
on conflict (address_key, tenant_id, stream) do update
set reason = excluded.reason, evidence = excluded.evidence, expires_at = excluded.expires_at, created_at = now(),
    times = excluded.times, probe_message_id = null, probe_n = null, passed_at = null`;

/** Adds or replaces; one statement for all of them. What a bounce suppresses is `renewSuppression`'s. */
export async function putSuppressions(connection: Connection, suppressions: readonly NewSuppression[]): Promise<void> {
  const folded = suppressions.map(suppression => ({ ...suppression, address: addressKey(suppression.address) }));
  await connection.query({ name: 'put-suppressions', text: UPSERT, values: [JSON.stringify(folded)] });
}

/** The same for many rows at once, which mail on its way wants in another order. */
export function importSuppressions(pool: Pool, suppressions: readonly NewSuppression[]): Promise<void> {
  return againAfterDeadlock(() => putSuppressions(pool, suppressions));
}

/** Lifts every suppression of the address, or those of one scope; returns how many there were. */
export async function removeSuppressions(
  db: Kysely<Database>,
  address: string,
  scope: SuppressionScope | null,
): Promise<number> {
  const removed = await db
    .deleteFrom('suppressions')
    .where('address_key', '=', addressKey(address))
    .$if(scope !== null, query =>
      query
        .where(sql`tenant_id`, 'is not distinct from', scope!.tenantId)
        .where(sql`stream`, 'is not distinct from', scope!.stream),
    )
    .returning('passed_at')
    .execute();
  return removed.filter(({ passed_at }) => passed_at === null).length;
}

/** Why nothing is sent to the address now, or null. One index scan: 0.05 ms with ten million suppressions. */
export async function findSuppression(
  pool: Pool,
  wanted: { readonly address: string; readonly tenantId: string; readonly stream: Stream },
): Promise<SuppressionReason | null> {
  const { rows } = await pool.query<{ reason: SuppressionReason }>({
    name: 'find-suppression',
    text: `select reason from suppressions
           where address_key = $1 and (tenant_id is null or tenant_id = $2) and (stream is null or stream = $3)
             and (expires_at is null or expires_at > now())
           limit 1`,
    values: [addressKey(wanted.address), wanted.tenantId, wanted.stream],
  });
  return rows[0]?.reason ?? null;
}

export type Bounce = SuppressionScope & {
  readonly address: string;
  readonly reason: 'hard-bounce' | 'soft-bounces';
  readonly evidence: string;
  /** For the first time; each further one doubles it. */
  readonly forMs: number;
  /** What bounced, if that is known. */
  readonly delivery: { readonly messageId: MessageId; readonly n: number } | null;
};

export type Renewed = SuppressionScope & { readonly times: number; readonly expiresAt: Date | null };

const LONGEST_MS = 2 * 365 * 86_400_000;

/**
 * Suppresses what bounced: twice as long as the last time if this was its probe, or came after its time. A bounce of
 * mail that was on its way already changes nothing but the evidence. What a person or the recipient said is not shortened
 * by a bounce: null then.
 */
export async function renewSuppression(connection: Connection, bounce: Bounce): Promise<Renewed | null> {
  return (await renewProbed(connection, bounce)) ?? (await renewScope(connection, bounce));
}

/** After `times` bounces the next one counts twice as long: forMs · 2^times, two years at most. */
const doubled = (times: string, forMs: string) =>
  `least(${forMs}::float8 * power(2, least(${times}, 30)), ${LONGEST_MS}::float8) * interval '1 ms'`;

const RENEWED = 'returning tenant_id as "tenantId", stream, times, expires_at as "expiresAt"';

const RENEW_PROBED = `
update suppressions
set reason = $3, evidence = $4, times = times + 1, created_at = now(), expires_at = now() + ${doubled('times', '$5')},
    probe_message_id = null, probe_n = null, passed_at = null
where probe_message_id = $1 and probe_n = $2
${RENEWED}`;

/** The suppressions that the bounced delivery tried out, for whomever they hold; the first of them. */
async function renewProbed(
  connection: Connection,
  { delivery, reason, evidence, forMs }: Bounce,
): Promise<Renewed | null> {
  if (delivery === null) return null;
  const values = [delivery.messageId, delivery.n, reason, evidence, forMs];
  const { rows } = await connection.query<Renewed>({ name: 'renew-probed', text: RENEW_PROBED, values });
  return rows[0] ?? null;
}

const IS_BOUNCE = `s.reason in ('hard-bounce', 'soft-bounces')`;
/** Its time was over, or it was being tried out. */
const IS_AGAIN = `(${IS_BOUNCE} and (s.expires_at <= now() or s.probe_message_id is not null))`;

const RENEW_SCOPE = `
insert into suppressions as s (address_key, tenant_id, stream, reason, evidence, expires_at)
values ($1, $2, $3, $4, $5, now() + $6 * interval '1 ms')
on conflict (address_key, tenant_id, stream) do update
set reason = excluded.reason, evidence = excluded.evidence,
    times = case when ${IS_AGAIN} then s.times + 1 when ${IS_BOUNCE} then s.times else 1 end,
    expires_at = case when ${IS_AGAIN} then now() + ${doubled('s.times', '$6')}
                      when s.expires_at is not null then greatest(s.expires_at, excluded.expires_at) end,
    created_at = case when ${IS_AGAIN} or s.expires_at <= now() then now() else s.created_at end,
    probe_message_id = null, probe_n = null, passed_at = null
where ${IS_BOUNCE} or s.expires_at <= now()
${RENEWED}`;

async function renewScope(connection: Connection, bounce: Bounce): Promise<Renewed | null> {
  const { address, tenantId, stream, reason, evidence, forMs } = bounce;
  const values = [addressKey(address), tenantId, stream, reason, evidence, forMs];
  const { rows } = await connection.query<Renewed>({ name: 'renew-scope', text: RENEW_SCOPE, values });
  return rows[0] ?? null;
}

/** Bounces that come later than this are not held against the address. */
const REMEMBER_PASSED = '30 days';

/** Suppressions whose probe was delivered and did not come back; returns how many there were. */
export async function forgetPassed(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from suppressions where passed_at < now() - interval '${REMEMBER_PASSED}'`,
  );
  return rowCount ?? 0;
}

export type ListSuppressions = {
  /** `*` stands for anything. */
  readonly address?: string | undefined;
  readonly reason?: SuppressionReason | undefined;
  readonly limit: number;
  /** Those behind this one: the next page. */
  readonly after?: number | undefined;
};

export type ListedSuppression = Suppression & { readonly suppressionId: number };

/** In the order in which they were first made. */
export function listSuppressions(db: Kysely<Database>, filter: ListSuppressions): Promise<ListedSuppression[]> {
  const { address, reason, limit, after } = filter;
  return db
    .selectFrom('suppressions')
    .select([
      'suppression_id as suppressionId',
      'address_key as address',
      'tenant_id as tenantId',
      'stream',
      'reason',
      'evidence',
      'created_at as createdAt',
      'expires_at as expiresAt',
      'times',
      sql<Probation | null>`
        case when expires_at <= now() and reason in ('hard-bounce', 'soft-bounces') then 'due'
             when probe_message_id is not null then 'out' end`.as('probation'),
    ])
    .where('passed_at', 'is', null)
    .$if(address !== undefined, query =>
      query.where(
        'address_key',
        'like',
        addressKey(address!)
          .replace(/[\\%_]/g, '\\$&')
          .replaceAll('*', '%'),
      ),
    )
    .$if(reason !== undefined, query => query.where('reason', '=', reason!))
    .$if(after !== undefined, query => query.where('suppression_id', '>', after!))
    .orderBy('suppression_id')
    .limit(limit)
    .execute();
}
