// The queue in figures, for people and metrics.
import type { Pool } from 'pg';

export type QueueSummary = {
  readonly queued: number;
  readonly due: number;
  readonly leased: number;
  readonly parked: number;
  /** For their time, or a turn. */
  readonly later: number;
  /** These wait for a person, and are not among the others. */
  readonly held: number;
  readonly oldestAcceptedAt: Date | null;
  readonly reasons: readonly { readonly reason: string; readonly count: number; readonly nextAt: Date }[];
};

export async function queueSummary(pool: Pool): Promise<QueueSummary> {
  const totals = await pool.query(
    `select count(*)::integer as queued,
            (count(*) filter (where lease_holder is null and not parked and due_at <= now()))::integer as due,
            (count(*) filter (where lease_holder is not null))::integer as leased,
            (count(*) filter (where parked))::integer as parked,
            (count(*) filter (where lease_holder is null and not parked and due_at > now()))::integer as later,
            (select count(*)::integer from deliveries where state = 'held') as held,
            (select accepted_at from messages where message_id = min(deliveries.message_id)) as "oldestAcceptedAt"
     from deliveries where state = 'queued'`,
  );
  const reasons = await pool.query(
    // What differs from one to the next is left out: times, and what was answered.
    `select coalesce(split_part(split_part(reason, ' since ', 1), ':', 1), 'fresh')
              || case when parked then ' (route ' || waits_for || ')' else '' end as reason, count(*)::integer as count, min(due_at) as "nextAt"
     from deliveries where state = 'queued' and lease_holder is null
     group by 1 order by 2 desc limit 20`,
  );
  return { ...totals.rows[0], reasons: reasons.rows };
}

export async function countQueued(pool: Pool): Promise<number> {
  const { rows } = await pool.query(`select count(*)::integer as count from deliveries where state = 'queued'`);
  return rows[0].count;
}
