// Which routes run on their fallback, since when and why, and how much went there. Beginning and end are events, written
// with the circuit's own in one transaction, and so once.
import type { FallbackRoute } from '../mail/fallback.ts';
import { runningOnFallback } from '../mail/fallback.ts';
import { type CircuitState, readCircuits } from './circuits.ts';
import type { Connection } from './transaction.ts';

export type RunningFallback = {
  readonly route: string;
  readonly since: Date;
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly reason: string;
  readonly deliveries: number;
};

export type FallbackChange =
  | { readonly kind: 'fallback-began'; readonly route: string; readonly data: FallbackBegan }
  | { readonly kind: 'fallback-ended'; readonly route: string; readonly data: FallbackEnded };

type FallbackBegan = { readonly from: readonly string[]; readonly to: readonly string[]; readonly reason: string };
type FallbackEnded = {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly forMs: number;
  readonly deliveries: number;
};

export async function readFallbacks(connection: Connection): Promise<RunningFallback[]> {
  const { rows } = await connection.query<RunningFallback>({
    name: 'read-fallbacks',
    text: `select route, since, from_upstreams as "from", to_upstreams as "to", reason, deliveries
           from route_fallbacks order by route`,
  });
  return rows;
}

/** Deliveries that went another way than the first, by route; of routes that are not on their fallback, nothing is kept. */
export async function countFallbackDeliveries(connection: Connection, counted: ReadonlyMap<string, number>) {
  if (counted.size === 0) return;
  await connection.query(
    `update route_fallbacks f set deliveries = deliveries + c.count
     from unnest($1::text[], $2::bigint[]) as c (route, count) where c.route = f.route`,
    [[...counted.keys()], [...counted.values()]],
  );
}

/** Writes down what began and what ended, now that circuits or routes are as they are. Only within `changeCircuits`. */
export async function settleFallbacks(
  connection: Connection,
  routes: readonly FallbackRoute[],
): Promise<FallbackChange[]> {
  const open = (await readCircuits(connection)).filter(({ failures }) => failures > 0);
  const wanted = runningOnFallback(
    routes,
    open.map(circuit => ({ upstream: circuit.upstream, reason: whyOpen(circuit) })),
  );
  const running = await readFallbacks(connection);
  const changes: FallbackChange[] = [];
  for (const { route } of running.filter(one => !wanted.some(other => other.route === one.route)))
    changes.push(await end(connection, route));
  for (const { route, ...data } of wanted) {
    if (running.some(one => one.route === route)) await keep(connection, route, data);
    else changes.push(await begin(connection, route, data));
  }
  for (const { kind, route, data } of changes) {
    await connection.query('insert into events (kind, topic, data) values ($1, $2, $3)', [
      ...[kind, `route:${route}`, JSON.stringify(data)],
    ]);
  }
  return changes;
}

function whyOpen({ cause, reason }: CircuitState): string {
  if (cause === 'by-hand') return `open by hand${reason === null ? '' : ` (${reason})`}`;
  return reason ?? 'down';
}

async function begin(connection: Connection, route: string, data: FallbackBegan): Promise<FallbackChange> {
  await connection.query(
    'insert into route_fallbacks (route, from_upstreams, to_upstreams, reason) values ($1, $2, $3, $4) on conflict do nothing',
    [route, data.from, data.to, data.reason],
  );
  return { kind: 'fallback-began', route, data };
}

/** Where its mail goes meanwhile may change: that is told by the circuits of those. */
async function keep(connection: Connection, route: string, { from, to, reason }: FallbackBegan): Promise<void> {
  await connection.query(
    `update route_fallbacks set from_upstreams = $2, to_upstreams = $3, reason = $4
     where route = $1 and (from_upstreams, to_upstreams, reason) is distinct from ($2::text[], $3::text[], $4)`,
    [route, from, to, reason],
  );
}

async function end(connection: Connection, route: string): Promise<FallbackChange> {
  const { rows } = await connection.query<FallbackEnded>(
    `delete from route_fallbacks where route = $1
     returning from_upstreams as "from", to_upstreams as "to", deliveries,
               round(extract(epoch from now() - since) * 1000)::float as "forMs"`,
    [route],
  );
  return { kind: 'fallback-ended', route, data: rows[0]! };
}
