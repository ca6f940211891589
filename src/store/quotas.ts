// Quotas as people see them: setting, listing and removing them. quota-usage.ts is what mail does to them.
import { type Kysely, type NotNull, sql } from 'kysely';
import type { QuotaLimit, QuotaRule } from '../mail/quota.ts';
import { BUSY, BUSY_QUOTA } from './deliveries.ts';
import type { Database } from './schema.ts';

type Identified = {
  readonly quotaId: number;
  /** Null: of any credential; `credential` is its name. */
  readonly credentialId: string | null;
};

/** With a window, or without. */
export type AnyQuota = QuotaLimit & Identified;

/** What mail is charged to when it is accepted. */
export type Quota = QuotaRule & Identified & { readonly bucketMs: number };

/** What holds while it is sent: so many messages under way at the same time. */
export type AtOnceQuota = AnyQuota & { readonly windowMs: null };

/**
 * A window's length can touch one bucket more than it has, and all of those together stay within the limit. So a quota
 * of a minute or more reaches 60/61 of its rate, one of a second 20/21: shorter buckets would be more rows for little.
 */
const BUCKETS = 60;
const SHORTEST_BUCKET_MS = 50;

export function bucketMsOf(windowMs: number): number {
  return Math.max(SHORTEST_BUCKET_MS, Math.ceil(windowMs / BUCKETS));
}

const COLUMNS = [
  'q.quota_id as quotaId',
  'q.credential_id as credentialId',
  'c.name as credential',
  'q.tenant_id as tenantId',
  'q.stream',
  'q.recipient_domain as recipientDomain',
  'q.counts',
  'q.max_count as limit',
  'q.window_ms as windowMs',
] as const;

/** All with a window: few, and read every second by each process that takes mail. */
export function listQuotas(db: Kysely<Database>): Promise<Quota[]> {
  return quotas(db)
    .select('q.bucket_ms as bucketMs')
    .where('q.window_ms', 'is not', null)
    .$narrowType<{ windowMs: NotNull; bucketMs: NotNull }>()
    .orderBy('q.quota_id')
    .execute();
}

/** All without: read every other second by each process that sends. */
export function listAtOnceQuotas(db: Kysely<Database>): Promise<AtOnceQuota[]> {
  return quotas(db).where('q.window_ms', 'is', null).$narrowType<{ windowMs: null }>().orderBy('q.quota_id').execute();
}

function quotas(db: Kysely<Database>) {
  return db
    .selectFrom('quotas as q')
    .leftJoin('credentials as c', 'c.credential_id', 'q.credential_id')
    .select(COLUMNS);
}

export type QuotaWithUsage = AnyQuota & {
  /** In the window that ends now; null without one. */
  readonly used: number | null;
  /** Room that is promised to mail which waits for its turn; without a window, deliveries that wait for room. */
  readonly waiting: number;
  /** The last of these turns. */
  readonly waitingUntil: Date | null;
};

export function listQuotasWithUsage(db: Kysely<Database>): Promise<QuotaWithUsage[]> {
  const current = sql`floor(extract(epoch from now()) * 1000 / q.bucket_ms)`;
  const first = sql`${current} - ceil(q.window_ms::numeric / q.bucket_ms)`;
  return quotas(db)
    .leftJoin('quota_usage as u', join =>
      join.onRef('u.quota_id', '=', 'q.quota_id').on('u.used', '>', 0).on(sql<boolean>`u.bucket >= ${first}`),
    )
    .select([
      sql<number | null>`
        case when q.window_ms is not null
          then coalesce(sum(u.used) filter (where u.bucket <= ${current}), 0) end`.as('used'),
      sql<number>`
        case when q.window_ms is not null then coalesce(sum(u.used) filter (where u.bucket > ${current}), 0)
          else (select count(*) from deliveries
                where waits_for = ${BUSY + BUSY_QUOTA} || q.quota_id and waits_for like ${sql.lit(`${BUSY}%`)}) end`.as(
        'waiting',
      ),
      sql<Date | null>`
        to_timestamp(max(u.bucket) filter (where u.bucket > ${current}) * q.bucket_ms / 1000.0)`.as('waitingUntil'),
    ])
    .groupBy(['q.quota_id', 'c.name'])
    .orderBy('q.quota_id')
    .execute();
}

export type NewQuota = Omit<AnyQuota, 'quotaId' | 'credential'>;

/**
 * Makes a quota, or gives the one of this scope, kind and window another limit; what is used stays counted. Returns its
 * id. A credential or tenant that is not there is a foreign key error.
 */
export async function putQuota(db: Kysely<Database>, quota: NewQuota): Promise<number> {
  const { quotaId } = await db
    .insertInto('quotas')
    .values({
      credential_id: quota.credentialId,
      tenant_id: quota.tenantId,
      stream: quota.stream,
      recipient_domain: quota.recipientDomain,
      counts: quota.counts,
      max_count: quota.limit,
      window_ms: quota.windowMs,
      bucket_ms: quota.windowMs === null ? null : bucketMsOf(quota.windowMs),
    })
    .onConflict(conflict =>
      conflict
        .columns(['credential_id', 'tenant_id', 'stream', 'recipient_domain', 'counts', 'window_ms'])
        // With a higher limit there may be room before what was full.
        .doUpdateSet({ max_count: quota.limit, full_until: null, warned_at: null, exhausted_at: null }),
    )
    .returning('quota_id as quotaId')
    .executeTakeFirstOrThrow();
  return quotaId;
}

/** The one that was removed, or null when there is none of that id. */
export function removeQuota(db: Kysely<Database>, quotaId: number): Promise<AnyQuota | null> {
  return db.transaction().execute(async trx => {
    const quota = await quotas(trx).where('q.quota_id', '=', quotaId).executeTakeFirst();
    if (!quota) return null;
    await trx.deleteFrom('quotas').where('quota_id', '=', quotaId).execute();
    return quota;
  });
}
