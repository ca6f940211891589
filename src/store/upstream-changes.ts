// When circuits opened and closed, by node, as events about the upstream.
import type { Pool } from 'pg';

export type RecordedChange = {
  readonly upstream: string;
  readonly node: string;
  readonly kind: 'upstream-down' | 'upstream-up';
  readonly why: object;
};

const ABOUT_CIRCUITS = `kind in ('upstream-down', 'upstream-up')`;
const LAST = `select kind from events where topic = $2 and ${ABOUT_CIRCUITS} and data ->> 'node' = $3
              order by event_id desc limit 1`;

/** Only what is new: the last one of this node said otherwise, or, of one that is up, there was one. */
export async function recordUpstreamChange(pool: Pool, { upstream, node, kind, why }: RecordedChange): Promise<void> {
  await pool.query(
    `insert into events (kind, topic, data)
     select $1, $2, $4::jsonb
     where coalesce((${LAST}), 'upstream-up') <> $1`,
    [kind, `upstream:${upstream}`, node, JSON.stringify({ node, ...why })],
  );
}

export type DownUpstream = {
  readonly upstream: string;
  readonly node: string;
  readonly since: Date;
  readonly reason: string;
};

/** Those of which the last that a node said is that they are down. */
export async function listDownUpstreams(pool: Pool): Promise<DownUpstream[]> {
  const { rows } = await pool.query<DownUpstream>(
    `select substr(topic, 10) as upstream, node, at as since, coalesce(data ->> 'reason', '') as reason
     from (select distinct on (topic, data ->> 'node') topic, data ->> 'node' as node, at, kind, data
           from events where topic like 'upstream:%' and ${ABOUT_CIRCUITS}
           order by topic, data ->> 'node', event_id desc) as last
     where kind = 'upstream-down' order by upstream, node`,
  );
  return rows;
}
