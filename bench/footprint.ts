// What a message leaves on the database's disk, table by table, and how much WAL it makes on its way: what disks and
// replicas are reckoned from (docs/scaling.md). Sent by one process that does it all, then by a listener and a dispatcher.
//
//   node bench/footprint.ts [--messages N] [--bytes N]
import { Command } from 'commander';
import { Client } from 'pg';
import { makeCertificate } from './certificate.ts';
import { runLoad } from './load.ts';
import { count } from './options.ts';
import { type Fleet, type FleetPlan, startFleet } from './relays/fleet.ts';
import { arrival, planFor } from './scenarios/scenario.ts';
import { startSink } from './sink.ts';
import { defaultParent, freePort, makeHome, removeHome, waitUntil } from './workspace.ts';

interface Options {
  readonly messages: number;
  readonly bytes: number;
  readonly dir: string;
}

const SETTLED_WITHIN_MS = 10_000;
const WAYS: readonly (FleetPlan & { readonly name: string })[] = [
  { name: 'one process', listeners: 1, dispatchers: 0, listenerRoles: 'listener,dispatcher' },
  { name: 'a listener and a dispatcher', listeners: 1, dispatchers: 1 },
];

const options = new Command('footprint')
  .description('Measures what a message takes on the disk of the database, and in its WAL.')
  .option('--messages <n>', 'how many', count, 10_000)
  .option('--bytes <n>', 'of each', count, 10 * 1024)
  .option('--dir <path>', 'where the database lives', defaultParent())
  .parse()
  .opts<Options>();
for (const way of WAYS) await measure(way, options);

async function measure(way: FleetPlan & { readonly name: string }, { messages, bytes, dir }: Options): Promise<void> {
  const [home, directory] = [makeHome('footprint', dir), makeHome('rig', dir)];
  const [smtpPort, upstreamPort] = [await freePort(), await freePort()];
  const sink = await startSink(upstreamPort);
  let fleet: Fleet | null = null;
  let client: Client | null = null;
  try {
    fleet = await startFleet({ home, smtpPort, upstreamPort, certificate: makeCertificate(directory) }, way);
    client = new Client({ connectionString: fleet.databaseUrl });
    await client.connect();
    const before = await walPosition(client);
    const site = { relay: fleet, upstreamPort, directory, messages, generator: 'own', sink: 'own' } as const;
    const load = await runLoad(planFor({ ...site, isPipelined: false }, { bytes }));
    await arrival(sink, load.accepted);
    if (!(await waitUntil(() => isSettled(client!), SETTLED_WITHIN_MS))) throw new Error('not all of it was delivered');
    await report(client, way.name, load.accepted, before);
  } finally {
    await client?.end();
    await fleet?.stop();
    await sink.stop();
    for (const each of [home, directory]) removeHome(each);
  }
}

async function report(client: Client, name: string, messages: number, walBefore: string): Promise<void> {
  const wal = await client.query(`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)::float as bytes`, [
    walBefore,
  ]);
  const { rows } = await client.query(
    `select relname as name, pg_total_relation_size(oid)::float as total, pg_indexes_size(oid)::float as indexes
     from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
     order by total desc`,
  );
  const each = (value: number) => Math.round(value / messages).toLocaleString('en');
  const lines = rows
    // The others hold nothing that mail leaves.
    .filter(row => row.total / messages >= 50)
    .map(row => `  ${row.name.padEnd(20)} ${each(row.total).padStart(8)}  of these indexes ${each(row.indexes)}`);
  const total = rows.reduce((sum, row) => sum + row.total, 0);
  console.log(`${name}: bytes a message, after ${messages.toLocaleString('en')} that were delivered
${lines.join('\n')}
  ${'all tables'.padEnd(20)} ${each(total).padStart(8)}
  ${'WAL'.padEnd(20)} ${each(wal.rows[0].bytes).padStart(8)}
`);
}

async function walPosition(client: Client): Promise<string> {
  return (await client.query('select pg_current_wal_insert_lsn()::text as position')).rows[0].position;
}

async function isSettled(client: Client): Promise<boolean> {
  const { rows } = await client.query(`select 1 from deliveries where state <> 'delivered' limit 1`);
  return rows.length === 0;
}
