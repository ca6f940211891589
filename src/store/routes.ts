// Rules for routes that were set by hand: asked before those of the settings, in their order.
import type { Pool } from 'pg';
import { inTransaction } from './transaction.ts';

export type StoredRoute = {
  readonly name: string;
  /** `{ when, to }` as in POSTERN_ROUTES: whoever reads it parses it. */
  readonly rule: { readonly when?: unknown; readonly to?: unknown };
  readonly changedAt: Date;
};

export async function listRoutes(pool: Pool): Promise<StoredRoute[]> {
  const { rows } = await pool.query<StoredRoute>({
    name: 'list-routes',
    text: `select name, rule, changed_at as "changedAt" from routes order by position`,
  });
  return rows;
}

/**
 * Sets a rule, in its place, or behind all others when it is new; `before` names the rule that it is to stand before.
 * null = there is no such rule to stand before.
 */
export function setRoute(
  pool: Pool,
  { name, rule, before }: { name: string; rule: object; before: string | null },
): Promise<'made' | 'changed' | null> {
  return inTransaction(pool, async connection => {
    // Two new rules at once would count up to the same place. Whoever reads waits for nobody.
    await connection.query('lock table routes in share row exclusive mode');
    const { rows } = await connection.query<{ isNew: boolean }>(
      `with target as (
         select case when $3::text is not null then (select position from routes where name = $3)
                     else coalesce((select position from routes where name = $1),
                                   (select coalesce(max(position), 0) + 1 from routes)) end as position
       ), moved as (
         update routes set position = position + 1
         where $3::text is not null and position >= (select position from target) and name <> $1
       )
       insert into routes (name, position, rule)
       select $1, position, $2::jsonb from target where position is not null
       on conflict (name) do update set position = excluded.position, rule = excluded.rule, changed_at = now()
       returning xmax = 0 as "isNew"`,
      [name, JSON.stringify(rule), before],
    );
    return rows[0] === undefined ? null : rows[0].isNew ? 'made' : 'changed';
  });
}

/** Whether there was one. */
export async function removeRoute(pool: Pool, name: string): Promise<boolean> {
  const { rowCount } = await pool.query('delete from routes where name = $1', [name]);
  return rowCount === 1;
}
