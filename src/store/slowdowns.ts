// Pairs of an upstream and a recipient domain that mail goes to slowly, as all processes share them. Times go in and come
// out as how long ago, by the database's clock: clocks of nodes differ.
import type { Pool } from '../platform/postgres.ts';

/** `domain` is `*` where it is the upstream itself that asked for less. */
export type SlowPair = { readonly upstream: string; readonly domain: string };

export type StoredSlowdown = SlowPair & {
  /** Messages a second, of all processes together: right after the last refusal, and where it is free again. */
  readonly rate: number;
  readonly ceiling: number;
  readonly reason: string;
};

export type SharedSlowdown = StoredSlowdown & {
  readonly slowedAgoMs: number;
  readonly sinceAgoMs: number;
  /** Another one for each slowing of the pair. */
  readonly version: number;
};

const VERSION = `(extract(epoch from slowed_at) * 1000000)::bigint`;

// Two processes that heard of it within a second have heard the same: the first one holds. The event tells of the first
// slowing and then of one a minute.
const RECORD = `
with kept as (
  insert into slowdowns as s (upstream, domain, rate, ceiling, reason, free_at)
  values ($1, $2, $3, $4, $5, now() + $6::float8 * interval '1 ms')
  on conflict (upstream, domain) do update
  set rate = excluded.rate, ceiling = excluded.ceiling, reason = excluded.reason, free_at = excluded.free_at,
      slowed_at = now(),
      since = case when s.free_at <= now() then now() else s.since end,
      told_at = case when s.told_at <= now() - interval '1 minute' or s.free_at <= now() then now() else s.told_at end
  where s.slowed_at <= now() - interval '1 second'
  returning upstream, domain, rate, reason, slowed_at, told_at
), told as (
  insert into events (kind, topic, data)
  select 'pair-slowed', 'upstream:' || upstream,
         jsonb_build_object('node', $7::text, 'domain', domain, 'ratePerSecond', rate, 'reason', reason)
  from kept where told_at = now()
)
select ${VERSION} as version from kept`;

/** Its version; null = another process was first. */
export async function recordSlowdown(
  pool: Pool,
  slowdown: StoredSlowdown & { readonly freeInMs: number; readonly node: string },
): Promise<number | null> {
  const { upstream, domain, rate, ceiling, reason, freeInMs, node } = slowdown;
  const values = [upstream, domain, rate, ceiling, reason, freeInMs, node];
  const { rows } = await pool.query<{ version: number }>({ name: 'record-slowdown', text: RECORD, values });
  return rows[0]?.version ?? null;
}

/** Those that were slowed in the last so many milliseconds. */
export async function readSlowdowns(pool: Pool, withinMs: number): Promise<SharedSlowdown[]> {
  const { rows } = await pool.query<SharedSlowdown>({
    name: 'read-slowdowns',
    text: `select upstream, domain, rate, ceiling, reason, ${VERSION} as version,
                  extract(epoch from now() - slowed_at)::float8 * 1000 as "slowedAgoMs",
                  extract(epoch from now() - since)::float8 * 1000 as "sinceAgoMs"
           from slowdowns where slowed_at >= now() - $1::float8 * interval '1 ms' and free_at > now()`,
    values: [withinMs],
  });
  return rows;
}

/** Those that are free again; told once, by whoever comes first. */
export async function forgetRecovered(pool: Pool, node: string): Promise<SlowPair[]> {
  const { rows } = await pool.query<SlowPair>({
    name: 'forget-recovered',
    text: `with gone as (delete from slowdowns where free_at <= now() returning upstream, domain),
           told as (
             insert into events (kind, topic, data)
             select 'pair-recovered', 'upstream:' || upstream, jsonb_build_object('node', $1::text, 'domain', domain)
             from gone
           )
           select upstream, domain from gone`,
    values: [node],
  });
  return rows;
}
