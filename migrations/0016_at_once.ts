// How many messages may be under way at the same time: a quota without a window.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table quotas
      -- Null: what it counts is under way at the same time, and has no usage that is written down.
      alter column window_ms drop not null,
      alter column bucket_ms drop not null,
      add check ((window_ms is null) = (bucket_ms is null)),
      add check (window_ms is not null or counts = 'messages')`.execute(db);
}
