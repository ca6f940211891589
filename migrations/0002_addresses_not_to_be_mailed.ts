// The suppression list.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table suppressions (
      suppression_id  bigint generated always as identity primary key,
      -- Folded, like deliveries.recipient_key.
      address_key     text collate "C" not null check (address_key <> ''),
      -- Null: for every tenant.
      tenant_id       text references tenants,
      -- Null: for every stream.
      stream          text check (stream in ('transactional', 'bulk')),
      reason          text not null check (reason in ('hard-bounce', 'soft-bounces', 'complaint', 'unsubscribe', 'manual')),
      -- What it rests on, in words.
      evidence        text,
      created_at      timestamptz not null default now(),
      -- Null: until it is lifted by hand.
      expires_at      timestamptz,
      check (stream is null or tenant_id is not null),
      -- Also what insert-accepted looks recipients up by.
      unique nulls not distinct (address_key, tenant_id, stream)
    )`.execute(db);
}
