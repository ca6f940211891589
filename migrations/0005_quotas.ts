// How much mail may go out in a time, and how much of that is used: by what went, and by what was promised its turn.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table quotas (
      quota_id          bigint generated always as identity primary key,
      -- Whose mail it counts; null: anybody's, of either stream, to any domain.
      credential_id     text collate "C" references credentials on delete cascade,
      tenant_id         text references tenants on delete cascade,
      stream            text check (stream in ('transactional', 'bulk')),
      -- Folded, and in ASCII.
      recipient_domain  text check (recipient_domain <> ''),
      counts            text not null check (counts in ('messages', 'recipients')),
      max_count         integer not null check (max_count > 0),
      window_ms         bigint not null check (window_ms >= 1000),
      -- Usage is counted in steps of this. Beside the window, so that rows keep their meaning when we choose otherwise.
      bucket_ms         integer not null check (bucket_ms > 0 and bucket_ms * 2 <= window_ms),
      -- No bucket before this one has room: spares the search all that is promised already. Null: nobody knows.
      full_until        bigint,
      -- When somebody was last told that it is nearly, or wholly, used up.
      warned_at         timestamptz,
      exhausted_at      timestamptz,
      created_at        timestamptz not null default now(),
      check (num_nonnulls(credential_id, tenant_id, stream, recipient_domain) > 0),
      -- quota set
      unique nulls not distinct (credential_id, tenant_id, stream, recipient_domain, counts, window_ms)
    ) with (fillfactor = 80)`.execute(db);

  await sql`
    create table quota_usage (
      quota_id  bigint not null references quotas on delete cascade,
      -- Milliseconds since 1970, divided by bucket_ms.
      bucket    bigint not null,
      used      integer not null check (used >= 0),
      -- Also what usage is read by, a stretch of time at once.
      primary key (quota_id, bucket)
    ) with (fillfactor = 80)`.execute(db);
}
