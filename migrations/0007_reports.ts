// What comes back: reports as they came, what each says of whom and what was done about it; outcomes, counted once;
// strikes against addresses; mailboxes and how far each has been read; followers and how far each has come.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table reports (
      report_id            text collate "C" primary key,
      -- Of the Message-ID and the body, or of all: the same report by two ways is one.
      digest               bytea not null unique,
      kind                 text not null check (kind in ('dsn', 'nonstandard', 'arf', 'auto-reply')),
      -- The reader that understood it.
      format               text not null,
      internet_message_id  text,
      from_address         text,
      subject              text,
      recorded_at          timestamptz not null default now(),
      size                 integer not null check (size >= 0),
      -- Evidence, as it came: its first megabyte at most.
      bytes                bytea not null
    )`.execute(db);
  await sql`alter table reports alter column bytes set storage external`.execute(db);

  await sql`
    create table report_sources (
      -- mailbox:NAME, smtp, file:PATH
      source     text not null check (source <> ''),
      -- UIDVALIDITY:UID in a mailbox.
      key        text not null,
      report_id  text collate "C" not null references reports,
      -- Whether it was moved, flagged or deleted where it lay; null where there is nothing to be done.
      is_filed   boolean,
      at         timestamptz not null default now(),
      primary key (source, key)
    )`.execute(db);
  // unfiledReports
  await sql`create index report_sources_unfiled on report_sources (source) where is_filed = false`.execute(db);
  // report show
  await sql`create index report_sources_report on report_sources (report_id)`.execute(db);

  await sql`
    create table report_recipients (
      report_id        text collate "C" not null references reports,
      i                integer not null check (i >= 0),
      -- As the report names them.
      recipient        text,
      final_recipient  text,
      action           text not null,
      reason           text not null,
      verdict          text not null check (verdict in ('hard', 'soft', 'none')),
      rule             text not null,
      confidence       real not null,
      status           text,
      reply_code       text,
      diagnostic       text not null,
      feedback_type    text,
      -- The delivery that it is about, how that is known, and whether it is proven.
      message_id       text collate "C",
      n                integer,
      correlated_by    text check (correlated_by in
                         ('return-path', 'envelope-id', 'our-id', 'message-id', 'recipient-and-time')),
      is_proven        boolean not null,
      correlation      text not null,
      -- What was done, and why.
      decision         text not null,
      decided_by       text not null,
      primary key (report_id, i),
      foreign key (message_id, n) references deliveries,
      check ((message_id is null) = (correlated_by is null)),
      check (not is_proven or message_id is not null)
    )`.execute(db);

  await sql`
    create table outcomes (
      message_id     text collate "C" not null,
      n              integer not null,
      fact           text not null check (fact in ('bounced', 'complained', 'delayed', 'confirmed')),
      at             timestamptz not null default now(),
      -- Null: said by an upstream, in our own session.
      report_id      text collate "C" references reports,
      address_key    text collate "C" not null,
      tenant_id      text not null references tenants,
      stream         text not null check (stream in ('transactional', 'bulk')),
      reason         text not null,
      rule           text not null,
      evidence       text not null,
      decision       text not null check (decision in ('suppressed', 'waiting', 'strike', 'nothing', 'discarded')),
      -- The rule of the policy, with its figures.
      decided_by     text not null,
      -- Of decisions that suppress or wait.
      suppression    text check (suppression in ('hard-bounce', 'soft-bounces', 'complaint', 'unsubscribe')),
      -- Null: until it is lifted by hand.
      suppress_for   interval,
      decided_at     timestamptz not null default now(),
      primary key (message_id, n, fact),
      foreign key (message_id, n) references deliveries,
      check ((suppression is not null) = (decision in ('suppressed', 'waiting', 'discarded')))
    )`.execute(db);
  // strikesAgainst
  await sql`create index outcomes_strikes on outcomes (address_key, tenant_id) where decision = 'strike'`.execute(db);
  // suppressedSince
  await sql`create index outcomes_suppressed on outcomes (decided_at) where decision = 'suppressed'`.execute(db);
  // listWaiting
  await sql`create index outcomes_waiting on outcomes (at) where decision = 'waiting'`.execute(db);

  await sql`
    create table bounce_alarms (
      -- domain:example.com
      topic      text not null,
      reason     text not null,
      raised_at  timestamptz not null,
      -- Since then, the one that raised it included.
      count      integer not null check (count > 0),
      primary key (topic, reason)
    )`.execute(db);

  await sql`
    create table mailboxes (
      mailbox       text primary key check (mailbox <> ''),
      uid_validity  bigint not null,
      -- All below have been looked at.
      last_uid      bigint not null check (last_uid >= 0),
      looked_at     timestamptz not null default now(),
      -- What went wrong since; null = nothing.
      trouble       text,
      trouble_at    timestamptz
    )`.execute(db);

  await sql`
    create table followers (
      follower  text primary key,
      -- Everything up to here has been seen, in order of (xact, event_id).
      xact      xid8 not null,
      event_id  bigint not null
    )`.execute(db);
  // What was refused before is none of its business.
  await sql`
    insert into followers (follower, xact, event_id)
    select 'suppression', pg_snapshot_xmin(pg_current_snapshot()), 0`.execute(db);
  // readFailures: refusals in our own sessions, in order of commit. Few events are; the others cost nothing.
  await sql`
    create index events_failures on events (xact, event_id) where kind in ('failed', 'expired')`.execute(db);
}
