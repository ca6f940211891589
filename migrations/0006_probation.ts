// What becomes of an address when its time on the suppression list is over, if a bounce put it there: one message may try
// it out. And messages by what their apps said of them.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table suppressions
      -- Bounces in a row: each doubles the time.
      add column times integer not null default 1 check (times > 0),
      -- The delivery that tried it out last. While expires_at is to come, its end is awaited, and nobody else may.
      add column probe_message_id text collate "C",
      add column probe_n integer,
      -- The probe was delivered. Nobody is suppressed any more; kept for a while, since bounces may come days later.
      add column passed_at timestamptz,
      add check ((probe_message_id is null) = (probe_n is null)),
      add check (passed_at is null or expires_at <= passed_at)`.execute(db);
  // record-progress, renewSuppression: few rows have one.
  await sql`
    create index suppressions_probe on suppressions (probe_message_id, probe_n)
    where probe_message_id is not null`.execute(db);
  // forgetPassed
  await sql`create index suppressions_passed on suppressions (passed_at) where passed_at is not null`.execute(db);

  // message find --metadata
  await sql`
    create index messages_metadata on messages using gin (metadata jsonb_path_ops)
    where metadata is not null`.execute(db);
}
