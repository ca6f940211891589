// Whose turn it is at an upstream: one row each, moved on by whoever takes turns, so that all processes together keep to one
// rate (GCRA: the row says when the next turn is) and to what a warm-up allows for the day. The database's clock decides.
import type { Pool } from '../platform/postgres.ts';

export type TurnRequest = {
  readonly upstream: string;
  readonly count: number;
  /** From one turn to the next; 0 = as fast as it goes. */
  readonly intervalMs: number;
  /** How far in the past turns may lie after a pause: they may be used at once. */
  readonly creditMs: number;
  /** Most turns a day (UTC), from a day on: none before it, any number after the last. */
  readonly warmup: { readonly startsOn: string; readonly limits: readonly number[] } | null;
};

export type GrantedTurns = {
  /** Less than was asked for when a warm-up's day is used up. */
  readonly granted: number;
  /** When the first of them is, and when that was found out: milliseconds since 1970, by the database's clock. */
  readonly firstAt: number;
  readonly now: number;
  /** The day on which they count, `2026-12-01`, when it ends, and how many were taken on it so far. */
  readonly day: string;
  readonly dayEndsAt: number;
  readonly used: number;
};

// An answer that does not come at once comes too late.
const ANSWER_WITHIN_MS = 2_000;

/**
 * Turns of so many seconds, or so many turns, can have been promised by all processes together; what lies further ahead was
 * reckoned by a lower rate, or by a clock that was wrong.
 */
const FURTHEST_AHEAD = 60;

// The sub-select sees the row as it is once it is locked, and the clock is read then: whoever had to wait for the lock gets
// no older time. It need not be on the disk: the log is written in order, so a message's own outcome takes its turn along.
const TAKE = `
with quick as materialized (select set_config('synchronous_commit', 'off', true))
update upstream_turns t
set (next_at, day, used, granted) = (
  select greatest(least(t.next_at, clock.now + greatest($3::float8, 1000) * interval '${FURTHEST_AHEAD} ms'),
                  clock.now - $4::float8 * interval '1 ms') + grant_.turns * $3::float8 * interval '1 ms',
         clock.today, before.used + grant_.turns, grant_.turns
  from (select now, (now at time zone 'utc')::date as today from (select clock_timestamp() as now) c offset 0) clock,
  lateral (
    select case when t.day = clock.today then t.used else 0 end as used,
           case when clock.today < $5::date then 0 else ($6::integer[])[clock.today - $5::date + 1] end as most
  ) before,
  lateral (
    select case when before.most is null then $2::integer else greatest(least($2, before.most - before.used), 0) end as turns
  ) grant_
)
from quick
where t.upstream = $1
returning granted, used, day::text as day,
  extract(epoch from next_at)::float8 * 1000 - granted * $3::float8 as "firstAt",
  extract(epoch from clock_timestamp())::float8 * 1000 as now,
  extract(epoch from (day + 1)::timestamp at time zone 'utc')::float8 * 1000 as "dayEndsAt"`;

/** One statement for as many turns as are wanted. */
export async function takeTurns(pool: Pool, request: TurnRequest): Promise<GrantedTurns> {
  const { upstream, count, intervalMs, creditMs, warmup } = request;
  const values = [upstream, count, intervalMs, creditMs, warmup?.startsOn ?? null, warmup?.limits ?? null];
  const statement = { name: 'take-turns', text: TAKE, values, query_timeout: ANSWER_WITHIN_MS };
  const taken = await pool.query<GrantedTurns>(statement);
  if (taken.rows[0]) return taken.rows[0];
  await pool.query('insert into upstream_turns (upstream) values ($1) on conflict do nothing', [upstream]);
  return (await pool.query<GrantedTurns>(statement)).rows[0]!;
}

/** For the day's count only: those behind it keep their times. */
export async function giveTurnBack(pool: Pool, upstream: string, day: string): Promise<void> {
  await pool.query({
    name: 'give-turn-back',
    text: 'update upstream_turns set used = used - 1 where upstream = $1 and day = $2 and used > 0',
    values: [upstream, day],
  });
}

export type TurnsToday = { readonly upstream: string; readonly day: string; readonly used: number };

/** How many turns were taken today (UTC); nothing is known of upstreams that no turn was ever taken at. */
export async function readTurns(pool: Pool): Promise<TurnsToday[]> {
  const { rows } = await pool.query<TurnsToday>(
    `select upstream, today::text as day, case when day = today then used else 0 end as used
     from upstream_turns, (select (now() at time zone 'utc')::date as today) clock order by upstream`,
  );
  return rows;
}
