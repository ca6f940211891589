// Claims that came to nothing, and what a person let go.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table deliveries
      -- Of its attempts, the claims that were given back before anything was tried. attempt itself only grows: with the
      -- holder it is the fence, and what was written twice must not fit the next claim.
      add column uncounted integer not null default 0 check (uncounted >= 0 and uncounted <= attempt),
      -- A person released or retried it: the suppression list is not asked until it has been tried.
      add column by_hand boolean not null default false`.execute(db);
}
