// Domains that we send from, and what their DNS said. Names are A-labels in lower case.
import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

export type Domain = {
  readonly domain: string;
  readonly tenantId: string;
  readonly createdAt: Date;
  readonly checkedAt: Date | null;
  /** As it was recorded; null = never yet with all answers. */
  readonly result: unknown;
};

const COLUMNS = [
  'domain',
  'tenant_id as tenantId',
  'created_at as createdAt',
  'checked_at as checkedAt',
  'result',
] as const;

/** false when it is there already. */
export async function addDomain(db: Kysely<Database>, domain: string, tenantId: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('domains')
    .values({ domain, tenant_id: tenantId, checked_at: null, result: null })
    .onConflict(conflict => conflict.column('domain').doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** With its keys; false when there was none. */
export async function removeDomain(db: Kysely<Database>, domain: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('domains').where('domain', '=', domain).executeTakeFirstOrThrow();
  return numDeletedRows === 1n;
}

export async function findDomain(db: Kysely<Database>, domain: string): Promise<Domain | null> {
  return (await db.selectFrom('domains').select(COLUMNS).where('domain', '=', domain).executeTakeFirst()) ?? null;
}

export function listDomains(db: Kysely<Database>): Promise<Domain[]> {
  return db.selectFrom('domains').select(COLUMNS).orderBy('domain').execute();
}

/**
 * The domain whose check is most overdue, now the caller's to check: nobody else gets it for a whole period. Those with
 * keys that wait to be seen come round sooner.
 */
export async function claimDueDomain(
  db: Kysely<Database>,
  { everyMs, waitingEveryMs }: { everyMs: number; waitingEveryMs: number },
): Promise<Domain | null> {
  const { rows } = await sql<Domain>`
    update domains set checked_at = now()
    where domain = (
      select domain from domains d
      where checked_at is null or checked_at < now() - interval '1 ms' * (
        case when exists (select from dkim_keys k where k.domain = d.domain and k.active_from is null)
        then ${waitingEveryMs}::float else ${everyMs}::float end)
      order by checked_at nulls first limit 1 for update skip locked)
    returning domain, tenant_id as "tenantId", created_at as "createdAt", checked_at as "checkedAt", result`.execute(
    db,
  );
  return rows[0] ?? null;
}

export type DomainEvent = 'domain-ok' | 'domain-broken' | 'dkim-key-signs';

/** The result, and with it what became different. */
export async function recordCheck(
  db: Kysely<Database>,
  domain: string,
  result: unknown,
  event: { readonly kind: DomainEvent; readonly data: unknown } | null,
): Promise<void> {
  await db.transaction().execute(async trx => {
    await trx
      .updateTable('domains')
      .set({ checked_at: sql`now()`, result: JSON.stringify(result) })
      .where('domain', '=', domain)
      .execute();
    if (event) await insertDomainEvent(trx, domain, event.kind, event.data);
  });
}

/** Events of a domain are about no message. */
export async function insertDomainEvent(
  db: Kysely<Database>,
  domain: string,
  kind: DomainEvent,
  data: unknown,
): Promise<void> {
  await db
    .insertInto('events')
    .values({ kind, topic: `domain:${domain}`, message_id: null, n: null, data: JSON.stringify(data) })
    .execute();
}
