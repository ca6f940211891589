// Who sends mail now: a row each, kept fresh by its owner. Times are the database's; clocks of nodes differ.
import type { Pool } from '../platform/postgres.ts';

/** Whoever has been silent for so long is gone: three times as long as it takes to say that one is there. */
export const SILENT_MS = 15_000;

// Rows of the silent go, and those of earlier runs of the same node, whose data directory is locked: they are dead. Whoever
// was silent and comes back writes its row again.
const SAY = `
with mine as (
  insert into dispatchers (holder, node) values ($1, $2) on conflict (holder) do update set seen_at = now()
), gone as (
  delete from dispatchers
  where holder <> $1 and (node = $2 or seen_at < now() - $3 * interval '1 ms')
)
select count(*)::integer as others from dispatchers
where node <> $2 and seen_at >= now() - $3 * interval '1 ms'`;

/** Says that this one is there; how many others are. */
export async function sayThatOneIsThere(
  pool: Pool,
  { holder, node }: { readonly holder: string; readonly node: string },
): Promise<number> {
  const statement = { name: 'say-dispatcher-is-there', text: SAY, values: [holder, node, SILENT_MS] };
  const { rows } = await pool.query<{ others: number }>(statement);
  return rows[0]!.others;
}

export async function sayGoodbye(pool: Pool, holder: string): Promise<void> {
  await pool.query('delete from dispatchers where holder = $1', [holder]);
}

export type LiveDispatcher = { readonly node: string; readonly startedAt: Date; readonly seenAt: Date };

export async function listDispatchers(pool: Pool): Promise<LiveDispatcher[]> {
  const { rows } = await pool.query<LiveDispatcher>(
    `select node, started_at as "startedAt", seen_at as "seenAt" from dispatchers
     where seen_at >= now() - $1 * interval '1 ms' order by started_at, node`,
    [SILENT_MS],
  );
  return rows;
}
