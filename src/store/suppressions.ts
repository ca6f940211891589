// Addresses that are not to be mailed. The check itself is part of the accepting statement (accept.ts): it sees every
// suppression that is committed, costs no round trip, and cannot disagree with what is stored.
import { type Kysely, sql } from 'kysely';
import type { Pool } from 'pg';
import { addressKey } from '../mail/address.ts';
import type { Stream } from '../mail/submission.ts';
import type { Database } from './schema.ts';

export const SUPPRESSION_REASONS = ['hard-bounce', 'soft-bounces', 'complaint', 'unsubscribe', 'manual'] as const;
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];

/** For whom an address is suppressed: null = for all. */
export type SuppressionScope = { readonly tenantId: string | null; readonly stream: Stream | null };

export type Suppression = SuppressionScope & {
  readonly address: string;
  readonly reason: SuppressionReason;
  readonly evidence: string | null;
  readonly createdAt: Date;
  /** null = until it is lifted by hand. */
  readonly expiresAt: Date | null;
};

export type NewSuppression = Omit<Suppression, 'createdAt'>;

const UPSERT = `
insert into suppressions (address_key, tenant_id, stream, reason, evidence, expires_at)
select distinct on ("address", "tenantId", "stream") "address", "tenantId", "stream", "reason", "evidence", "expiresAt"
from json_to_recordset($1::json) as s (
  "address" text, "tenantId" text, "stream" text, "reason" text, "evidence" text, "expiresAt" timestamptz)
on conflict (address_key, tenant_id, stream) do update
set reason = excluded.reason, evidence = excluded.evidence, expires_at = excluded.expires_at, created_at = now()`;

/** Adds or renews; one statement for all of them. */
export async function putSuppressions(pool: Pool, suppressions: readonly NewSuppression[]): Promise<void> {
  const folded = suppressions.map(suppression => ({ ...suppression, address: addressKey(suppression.address) }));
  await pool.query({ name: 'put-suppressions', text: UPSERT, values: [JSON.stringify(folded)] });
}

/** Lifts every suppression of the address, or those of one scope; returns how many there were. */
export async function removeSuppressions(
  db: Kysely<Database>,
  address: string,
  scope: SuppressionScope | null,
): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('suppressions')
    .where('address_key', '=', addressKey(address))
    .$if(scope !== null, query =>
      query
        .where(sql`tenant_id`, 'is not distinct from', scope!.tenantId)
        .where(sql`stream`, 'is not distinct from', scope!.stream),
    )
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
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
    ])
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
