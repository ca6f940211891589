// Who sends mail now: a row each, kept fresh by its owner. Times are the database's; clocks of nodes differ.
import type { Pool } from '../platform/postgres.ts';

/** Whoever has been silent for so long is gone: three times as long as it takes to say that one is there. */
export const SILENT_MS = 15_000;

// Rows of the silent go, and those of earlier runs of the same node, whose data directory is locked: they are dead. Whoever
// was silent and comes back writes its row again.
const SAY = `
with mine as (
  insert into dispatchers (holder, node, upstreams, settings_digest) values ($1, $2, $4, $5)
  on conflict (holder) do update
  set seen_at = now(), upstreams = excluded.upstreams, settings_digest = excluded.settings_digest
), gone as (
  delete from dispatchers
  where holder <> $1 and (node = $2 or seen_at < now() - $3 * interval '1 ms')
)
select count(*)::integer as others from dispatchers
where node <> $2 and seen_at >= now() - $3 * interval '1 ms'`;

export type Saying = {
  readonly holder: string;
  readonly node: string;
  /** What it goes by now: names, and the digest of what the settings say. */
  readonly upstreams: readonly string[];
  readonly settingsDigest: string;
};

/** Says that this one is there; how many others are. */
export async function sayThatOneIsThere(pool: Pool, said: Saying): Promise<number> {
  const { holder, node, upstreams, settingsDigest } = said;
  const values = [holder, node, SILENT_MS, upstreams, settingsDigest];
  const statement = { name: 'say-dispatcher-is-there', text: SAY, values };
  const { rows } = await pool.query<{ others: number }>(statement);
  return rows[0]!.others;
}

export async function sayGoodbye(pool: Pool, holder: string): Promise<void> {
  await pool.query('delete from dispatchers where holder = $1', [holder]);
}

export type LiveDispatcher = {
  readonly node: string;
  readonly startedAt: Date;
  readonly seenAt: Date;
  readonly upstreams: readonly string[];
  readonly settingsDigest: string | null;
};

export async function listDispatchers(pool: Pool): Promise<LiveDispatcher[]> {
  const { rows } = await pool.query<LiveDispatcher>(
    `select node, started_at as "startedAt", seen_at as "seenAt", upstreams, settings_digest as "settingsDigest"
     from dispatchers
     where seen_at >= now() - $1 * interval '1 ms' order by started_at, node`,
    [SILENT_MS],
  );
  return rows;
}
