// Delivery status notifications that we make (RFC 3464): whose mail gets them, what was told already, and the sweep that
// finds what is late.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table credentials
      -- Told by mail: what NOTIFY= asks for; also what a mail server tells unasked; or nothing.
      add column dsn text not null default 'asked' check (dsn in ('asked', 'always', 'never'))`.execute(db);

  await sql`
    alter table deliveries
      -- When it was to begin; null: with its acceptance. What is late is late from here on.
      add column begins_at timestamptz`.execute(db);
  // tellDelays
  await sql`
    create index deliveries_begin on deliveries (begins_at) where begins_at is not null and state = 'queued'`.execute(
    db,
  );

  await sql`
    create table dsns (
      message_id      text collate "C" not null,
      n               integer not null,
      kind            text not null check (kind in ('failure', 'delay', 'success')),
      -- Of the delivery: what is retried by hand may fail, and be told, again.
      attempt         integer not null,
      -- The message that tells it, to the reverse-path.
      dsn_message_id  text collate "C" not null references messages,
      primary key (message_id, n, kind, attempt),
      foreign key (message_id, n) references deliveries
    )`.execute(db);
  // message show, of the one that tells
  await sql`create index dsns_dsn_message on dsns (dsn_message_id)`.execute(db);

  // readTellable. Deliveries are many: those of them are here that nobody else will tell of.
  await sql`
    create index events_tellable on events (xact, event_id)
    where kind in ('failed', 'expired', 'suppressed', 'delayed', 'bounced', 'rejected-by-provider', 'delay-reported',
                   'delivery-confirmed')
       or kind = 'delivered' and data ? 'successIsOurs'`.execute(db);
  // What happened before is none of its business.
  await sql`
    insert into followers (follower, xact, event_id)
    select 'dsn', pg_snapshot_xmin(pg_current_snapshot()), 0`.execute(db);

  await sql`
    create table sweeps (
      sweep  text primary key,
      -- Everything that began before has been looked at.
      until  timestamptz not null
    )`.execute(db);
  await sql`insert into sweeps (sweep, until) values ('delays', now())`.execute(db);
}
