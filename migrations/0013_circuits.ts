// Circuits that all processes share, and which routes run on their fallback meanwhile.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table circuits (
      upstream      text collate "C" primary key check (upstream <> ''),
      -- As in relay/upstreams/breaker.ts: when it opened, and each look and trial that failed since; 0 = closed.
      failures      integer not null default 0 check (failures >= 0),
      cause         text,
      reason        text,
      rule          text,
      opened_at     timestamptz,
      -- The node, or the person who opened it by hand.
      opened_by     text,
      -- Nobody looks before; null by hand.
      look_at       timestamptz,
      -- Opened by hand until then; null = until it is closed by hand.
      open_until    timestamptz,
      -- The process that looks whether it is back, and may send one delivery: until then it is nobody else's to do.
      trial_holder  text,
      trial_until   timestamptz,
      -- Another process that has mail to try, while the holder may have none.
      trial_wanted_by text,
      -- So often the trial went on from one to another without having been used.
      handed_on     integer not null default 0,
      changed_at    timestamptz not null default now(),
      check ((failures > 0) = (opened_at is not null)),
      check ((failures > 0) = (cause is not null)),
      check ((trial_holder is null) = (trial_until is null)),
      check (trial_holder is null or failures > 0 and cause <> 'by-hand'),
      check (open_until is null or cause = 'by-hand')
    )`.execute(db);

  await sql`
    create table route_fallbacks (
      route           text collate "C" primary key check (route <> ''),
      since           timestamptz not null default now(),
      -- The upstreams of its first group, none of which takes mail; and those behind them.
      from_upstreams  text[] not null,
      to_upstreams    text[] not null,
      reason          text not null,
      -- Deliveries that upstreams behind the first group took meanwhile.
      deliveries      bigint not null default 0
    )`.execute(db);
}
