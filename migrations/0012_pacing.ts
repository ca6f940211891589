// What dispatchers must know of each other to keep to one pace together: who is there, whose turn it is at an upstream, and
// which recipient domains have asked for less.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table dispatchers (
      -- One run of one node, as in deliveries.lease_holder.
      holder      text primary key,
      node        text not null,
      started_at  timestamptz not null default now(),
      -- Whoever has not been seen for a while is gone.
      seen_at     timestamptz not null default now()
    ) with (fillfactor = 50)`.execute(db);

  await sql`
    create table upstream_turns (
      upstream  text primary key,
      -- When the next turn is; in the past: that much of a burst has gathered.
      next_at   timestamptz not null default '-infinity',
      -- Turns taken on that day (UTC); what a warm-up counts.
      day       date,
      used      integer not null default 0 check (used >= 0),
      -- How many the last taker got: an update cannot return what it found.
      granted   integer not null default 0 check (granted >= 0)
    ) with (fillfactor = 50)`.execute(db);

  await sql`
    create table slowdowns (
      upstream    text not null,
      -- Of the recipients; '*': all of them.
      domain      text not null,
      -- Messages a second, of all processes together: right after the last refusal, and where it is free again.
      rate        double precision not null check (rate > 0),
      ceiling     double precision not null check (ceiling > 0),
      reason      text not null,
      since       timestamptz not null default now(),
      slowed_at   timestamptz not null default now(),
      -- When it is free again, if no other refusal comes.
      free_at     timestamptz not null,
      -- When somebody was last told.
      told_at     timestamptz not null default now(),
      primary key (upstream, domain)
    ) with (fillfactor = 70)`.execute(db);
}
