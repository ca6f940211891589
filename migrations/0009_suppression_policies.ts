// What bounces lead to, where it is not what they lead to by default: for a tenant, for a stream, for both, or for all.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table suppression_policies (
      policy_id         bigint generated always as identity primary key,
      -- Whose mail; null: anybody's, of either stream.
      tenant_id         text references tenants on delete cascade,
      stream            text check (stream in ('transactional', 'bulk')),
      -- Null in any of these: the default, which may change with a version. 0: hard bounces suppress nobody.
      hard_for_ms       bigint check (hard_for_ms >= 0),
      strikes           integer check (strikes > 0),
      strikes_within_ms bigint check (strikes_within_ms > 0),
      strikes_for_ms    bigint check (strikes_for_ms > 0),
      created_at        timestamptz not null default now(),
      -- suppression policy set; also what the policy of a bounce is found by
      unique nulls not distinct (tenant_id, stream)
    )`.execute(db);
}
