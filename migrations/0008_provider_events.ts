// What providers report over HTTP is a report like any other: kept as it came, tied to a delivery, counted once.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table reports
      drop constraint reports_kind_check,
      add check (kind in ('dsn', 'nonstandard', 'arf', 'auto-reply', 'event'))`.execute(db);
  await sql`
    alter table report_recipients
      drop constraint report_recipients_correlated_by_check,
      add check (correlated_by in
        ('return-path', 'envelope-id', 'delivery-mark', 'our-id', 'message-id', 'recipient-and-time'))`.execute(db);
}
