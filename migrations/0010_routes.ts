// Routes by rule, and lanes: bulk mail that is due stands in no transactional mail's way.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  // Of the message, repeated here so that each stream has its own place in the queue's index.
  await sql`
    alter table deliveries
      add column stream text not null default 'transactional' check (stream in ('transactional', 'bulk')),
      -- Of what is parked, its route: it is left alone while none of the route's upstreams takes mail. busy:NAME for what
      -- waits until an upstream has less to do, and until due_at at the latest.
      add column waits_for text`.execute(db);
  await sql`
    update deliveries d set stream = 'bulk'
    from messages m where m.message_id = d.message_id and m.stream = 'bulk'`.execute(db);
  // claimDue, by stream; nextDue
  await sql`
    create index deliveries_due_by_stream on deliveries (stream, due_at) where state = 'queued' and not parked`.execute(
    db,
  );
  await sql`drop index deliveries_due`.execute(db);
  // claimParked, by route and stream; parkedRoutes
  await sql`update deliveries set waits_for = 'default' where parked`.execute(db);
  await sql`
    create index deliveries_parked_for on deliveries (waits_for, stream, message_id, n) where parked`.execute(db);
  await sql`drop index deliveries_parked`.execute(db);
  // pullForward
  await sql`create index deliveries_busy on deliveries (waits_for, message_id, n) where waits_for like 'busy:%'`.execute(
    db,
  );

  await sql`
    create table routes (
      name        text collate "C" primary key check (name <> ''),
      -- Asked in this order, before the rules of the settings.
      position    integer not null unique deferrable initially deferred,
      -- As in POSTERN_ROUTES: { "when": …, "to": … }
      rule        jsonb not null,
      created_at  timestamptz not null default now(),
      changed_at  timestamptz not null default now()
    )`.execute(db);
}
