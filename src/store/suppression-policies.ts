// What bounces lead to, where somebody wanted it otherwise than the defaults: the rows, and which of them holds for a
// bounce. The defaults are bounce/suppress.ts's.
import { type Kysely, sql } from 'kysely';
import type { Stream } from '../mail/submission.ts';
import type { Database } from './schema.ts';
import type { SuppressionScope } from './suppressions.ts';
import type { Connection } from './transaction.ts';

/** null = the default. */
export type PolicyFigures = {
  /** `never`: hard bounces suppress nobody. */
  readonly hardForMs: number | 'never' | null;
  readonly strikes: number | null;
  readonly strikesWithinMs: number | null;
  readonly strikesForMs: number | null;
};

/** Whose bounces: of all tenants, of both streams where null. Unlike a suppression, a stream needs no tenant here. */
export type SuppressionPolicy = SuppressionScope & PolicyFigures;

type Row = SuppressionScope & { readonly [Figure in keyof PolicyFigures]: number | null };

/** In the table, never is 0. */
const fromRow = ({ hardForMs, ...rest }: Row): SuppressionPolicy => ({
  ...rest,
  hardForMs: hardForMs === 0 ? 'never' : hardForMs,
});

/**
 * The most particular one: tenant and stream, then tenant, then stream, then all. A tenant's word counts for more than a
 * stream's. With 100,000 policies 0.04 ms, and 0.08 ms with the way there and back.
 */
export async function findSuppressionPolicy(
  connection: Connection,
  { tenantId, stream }: { readonly tenantId: string; readonly stream: Stream },
): Promise<SuppressionPolicy | null> {
  const { rows } = await connection.query<Row>({
    name: 'find-suppression-policy',
    text: `select tenant_id as "tenantId", stream, hard_for_ms as "hardForMs", strikes,
                  strikes_within_ms as "strikesWithinMs", strikes_for_ms as "strikesForMs"
           from suppression_policies
           where (tenant_id = $1 or tenant_id is null) and (stream = $2 or stream is null)
           order by tenant_id nulls last, stream nulls last limit 1`,
    values: [tenantId, stream],
  });
  return rows[0] ? fromRow(rows[0]) : null;
}

const COLUMNS = [
  'tenant_id as tenantId',
  'stream',
  'hard_for_ms as hardForMs',
  'strikes',
  'strikes_within_ms as strikesWithinMs',
  'strikes_for_ms as strikesForMs',
] as const;

/** The most particular first. */
export async function listSuppressionPolicies(db: Kysely<Database>): Promise<SuppressionPolicy[]> {
  const rows = await db
    .selectFrom('suppression_policies')
    .select(COLUMNS)
    .orderBy(sql`tenant_id nulls last, stream nulls last`)
    .execute();
  return rows.map(fromRow);
}

/** Makes the scope's policy, or changes what is named of it. A tenant that is not there is a foreign key error. */
export async function putSuppressionPolicy(
  db: Kysely<Database>,
  { tenantId, stream }: SuppressionScope,
  { hardForMs, strikes, strikesWithinMs, strikesForMs }: Partial<PolicyFigures>,
): Promise<SuppressionPolicy> {
  // undefined: not named, and left out by the builder.
  const figures = {
    hard_for_ms: hardForMs === 'never' ? 0 : hardForMs,
    strikes,
    strikes_within_ms: strikesWithinMs,
    strikes_for_ms: strikesForMs,
  };
  const row = await db
    .insertInto('suppression_policies')
    .values({ tenant_id: tenantId, stream, ...figures })
    .onConflict(conflict => conflict.columns(['tenant_id', 'stream']).doUpdateSet({ tenant_id: tenantId, ...figures }))
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
  return fromRow(row);
}

/** The one that was removed, or null when that scope has none of its own. */
export async function removeSuppressionPolicy(
  db: Kysely<Database>,
  { tenantId, stream }: SuppressionScope,
): Promise<SuppressionPolicy | null> {
  const row = await db
    .deleteFrom('suppression_policies')
    .where(sql`tenant_id`, 'is not distinct from', tenantId)
    .where(sql`stream`, 'is not distinct from', stream)
    .returning(COLUMNS)
    .executeTakeFirst();
  return row ? fromRow(row) : null;
}
