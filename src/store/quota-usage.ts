// What mail does to quotas: locking them, reading what is used of them, writing down what was charged. One transaction
// that locks in the order of ids, so that no two processes give the same room away and none waits for another in a circle.
import type { PoolClient } from 'pg';
import type { Pool } from '../platform/postgres.ts';
import type { Quota } from './quotas.ts';

export type QuotaState = Quota & {
  /** No bucket before this one has room; null: nobody knows. */
  readonly fullUntil: number | null;
  readonly warnedAt: Date | null;
  readonly exhaustedAt: Date | null;
};

export type Usage = {
  /** The database's clock, read under the lock: clocks of nodes differ. */
  readonly now: number;
  readonly quotas: readonly (QuotaState & { readonly fromBucket: number; readonly usage: UsedBuckets })[];
};

/** Usage from one bucket on, in order. */
export type UsedBuckets = readonly (readonly [bucket: number, used: number])[];

/**
 * Charges need not be on the disk when they commit. The log is written in order: a message's own commit, which is waited
 * for, takes its charge along; and a charge that is lost in a crash had no message yet. Without that wait, the lock is
 * held for a tenth of the time. A process that stops in between must not keep it for ever.
 */
const BEGIN = `
begin;
set local synchronous_commit = off;
set local lock_timeout = '10s';
set local idle_in_transaction_session_timeout = '10s'`;

/** Runs in one transaction; rolls back when it throws. */
export async function chargeQuotas<T>(pool: Pool, use: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query(BEGIN);
    const result = await use(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

export async function lockQuotas(client: PoolClient, quotaIds: readonly number[]): Promise<void> {
  await client.query({
    name: 'lock-quotas',
    text: `select from quotas where quota_id = any ($1) order by quota_id for no key update`,
    values: [quotaIds],
  });
}

// A statement of its own: the one that waits for the lock sees the tables as they were before it waited. The usage that
// matters begins a window before the present, or before the first bucket that may have room.
const READ_USAGE = `
with clock as materialized (select extract(epoch from clock_timestamp()) * 1000 as ms)
select floor(clock.ms)::bigint as now, q.quota_id as "quotaId", q.credential_id as "credentialId", c.name as credential,
       q.tenant_id as "tenantId", q.stream, q.recipient_domain as "recipientDomain", q.counts, q.max_count as "limit",
       q.window_ms as "windowMs", q.bucket_ms as "bucketMs", q.full_until as "fullUntil", q.warned_at as "warnedAt",
       q.exhausted_at as "exhaustedAt", start.bucket as "fromBucket", coalesce(used.buckets, '[]') as usage
from quotas q cross join clock left join credentials c using (credential_id)
cross join lateral (
  select greatest(coalesce(q.full_until, 0), floor(clock.ms / q.bucket_ms))::bigint
         - ceil(q.window_ms::numeric / q.bucket_ms)::bigint as bucket
) start
cross join lateral (
  select json_agg(json_build_array(u.bucket, u.used)) as buckets from (
    select bucket, used from quota_usage where quota_id = q.quota_id and bucket >= start.bucket order by bucket limit $2
  ) u
) used
where q.quota_id = any ($1) order by q.quota_id`;

/** At most so many buckets of each quota. */
export async function readUsage(db: Pool | PoolClient, quotaIds: readonly number[], limit: number): Promise<Usage> {
  const { rows } = await db.query<{ now: number } & Usage['quotas'][number]>({
    name: 'read-quota-usage',
    text: READ_USAGE,
    values: [quotaIds, limit],
  });
  return { now: rows[0]?.now ?? Date.now(), quotas: rows };
}

/** More of one quota, from a bucket on. */
export async function readMoreUsage(
  db: Pool | PoolClient,
  { quotaId, fromBucket, limit }: { quotaId: number; fromBucket: number; limit: number },
): Promise<UsedBuckets> {
  const { rows } = await db.query<[number, number]>({
    name: 'read-more-quota-usage',
    text: 'select bucket, used from quota_usage where quota_id = $1 and bucket >= $2 order by bucket limit $3',
    values: [quotaId, fromBucket, limit],
    rowMode: 'array',
  });
  return rows;
}

export type Charged = {
  readonly used: readonly { readonly quotaId: number; readonly bucket: number; readonly units: number }[];
  /** What is to be remembered of each quota that was looked at. */
  readonly remembered: readonly {
    readonly quotaId: number;
    readonly fullUntil: number | null;
    readonly warned: boolean;
    readonly exhausted: boolean;
    /** Usage before this bucket counts nowhere any more; null: leave it for now. */
    readonly forgetBefore: number | null;
  }[];
  readonly events: readonly { readonly kind: string; readonly topic: string; readonly data: object }[];
};

const WRITE_CHARGES = `
with new_usage as (
  insert into quota_usage (quota_id, bucket, used)
  select "quotaId", bucket, units from json_to_recordset($1::json) as u ("quotaId" bigint, bucket bigint, units integer)
  on conflict (quota_id, bucket) do update set used = quota_usage.used + excluded.used
), remembered as (
  select * from json_to_recordset($2::json) as r (
    "quotaId" bigint, "fullUntil" bigint, warned boolean, exhausted boolean, "forgetBefore" bigint)
), changed as (
  update quotas
  set full_until = r."fullUntil",
      warned_at = case when r.warned then now() else warned_at end,
      exhausted_at = case when r.exhausted then now() else exhausted_at end
  from remembered r
  where quota_id = r."quotaId" and (full_until is distinct from r."fullUntil" or r.warned or r.exhausted)
), forgotten as (
  delete from quota_usage using remembered r where quota_id = r."quotaId" and bucket < r."forgetBefore"
)
insert into events (kind, topic, data)
select kind, topic, data from json_to_recordset($3::json) as e (kind text, topic text, data jsonb)`;

/** Units of one quota and bucket come as one entry. */
export async function writeCharges(client: PoolClient, { used, remembered, events }: Charged): Promise<void> {
  await client.query({
    name: 'write-quota-charges',
    text: WRITE_CHARGES,
    values: [JSON.stringify(used), JSON.stringify(remembered), JSON.stringify(events)],
  });
}

// Room comes back in every window that the bucket is in, and so in all buckets that share one with it.
const REFUND = `
with units as (
  select "quotaId", bucket, sum(units) as units
  from json_to_recordset($1::json) as u ("quotaId" bigint, bucket bigint, units integer) group by 1, 2
), given_back as (
  update quota_usage u set used = greatest(u.used - units.units, 0)
  from units where u.quota_id = units."quotaId" and u.bucket = units.bucket
)
update quotas q
set full_until = least(full_until, freed.bucket - ceil(window_ms::numeric / bucket_ms)::bigint)
from (select "quotaId", min(bucket) as bucket from units group by 1) freed
where q.quota_id = freed."quotaId"`;

/** Gives back what was charged for mail that then was not taken. */
export async function refundCharges(client: PoolClient, used: Charged['used']): Promise<void> {
  await client.query({ name: 'refund-quotas', text: REFUND, values: [JSON.stringify(used)] });
}
