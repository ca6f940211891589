// docs/partitioning.sql, on a real database with mail in it: Postern notices nothing, and a day can be let go of.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { newId } from '../../src/platform/id.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

const SCRIPT = readFileSync(fileURLToPath(new URL('../../docs/partitioning.sql', import.meta.url)), 'utf8');

let database: TestDatabase;
let upstream: ScriptedUpstream;
let gateway: TestGateway;
const start = async () => {
  gateway = await startTestGateway(
    { POSTERN_UPSTREAMS: upstream.url('name=main'), POSTERN_RETRY: '1h*' },
    { database },
  );
};
beforeEach(async () => {
  database = await cloneDatabase();
  upstream = await ScriptedUpstream.start();
});
afterEach(async () => {
  await gateway.end();
  await upstream.stop();
  await database.drop();
});

/** What a table is made of, as PostgreSQL tells it, by name. */
async function definitions() {
  const indexes = await database.rows(
    `select tablename, indexname, replace(indexdef, ' ON ONLY ', ' ON ') as definition from pg_indexes
     where schemaname = 'public' and tablename !~ '_\\d{8}$|_to_\\d+$' order by 1, 2`,
  );
  const constraints = await database.rows(
    `select conrelid::regclass::text as of, conname, pg_get_constraintdef(oid) as definition from pg_constraint
     where connamespace = 'public'::regnamespace and conparentid = 0 and contype <> 'n'
       and conrelid::regclass::text !~ '_\\d{8}$|_to_\\d+$' order by 1, 2`,
  );
  const columns = await database.rows(
    `select table_name, column_name, data_type, is_nullable, column_default, is_identity, collation_name
     from information_schema.columns
     where table_schema = 'public' and table_name !~ '_\\d{8}$|_to_\\d+$' order by 1, ordinal_position`,
  );
  return { indexes, constraints, columns };
}

async function partition(): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query(`begin; ${SCRIPT} commit`);
  } finally {
    client.release();
  }
}

it('mail that was there is there, and mail goes on, under the same names', async () => {
  await start();
  upstream.script = { rcpt: { 'later@x.example': '450 4.2.0 not now' } };
  const [delivered, later] = [await gateway.submit('first@x.example'), await gateway.submit('later@x.example')];
  await gateway.reaches(delivered, 'delivered');
  await gateway.settled(later);
  const events = await gateway.events(delivered);
  await gateway.end();
  const before = await definitions();

  await partition();
  expect(await definitions()).toEqual(before);
  await start();
  expect(await gateway.events(delivered)).toEqual(events);
  upstream.script = {};
  await gateway.makeDue(later);
  await gateway.reaches(later, 'delivered');
  await gateway.reaches(await gateway.submit(['a@x.example', 'b@x.example']), 'delivered');
  expect(upstream.messages).toHaveLength(3);
});

it('a day goes with all that refers to it, but not while its mail waits', async () => {
  await start();
  await partition();
  upstream.script = { rcpt: { '*': '450 4.2.0 not now' } };
  const id = await gateway.submit('a@x.example');
  await gateway.settled(id);
  const [{ day }] = (await database.rows<{ day: string }>(
    `select (accepted_at at time zone 'UTC')::date::text as day from messages`,
  )) as [{ day: string }];
  const forget = () => database.rows('select days.forget($1)', day);
  await expect(forget()).rejects.toThrow('waits to be sent');
  upstream.script = {};
  await gateway.makeDue(id);
  await gateway.reaches(id, 'delivered');
  await eventually(forget);
  for (const table of ['messages', 'contents', 'deliveries', 'attempts', 'events'])
    expect(await database.rows(`select 1 from ${table} where message_id is not null`)).toEqual([]);
});

it('a day begins with the ids that are made from then on', async () => {
  await start();
  await partition();
  const moment = '2226-11-27T12:34:56.789Z';
  const [row] = await database.rows<{ id: string }>('select days.id_at($1) as id', moment);
  expect(newId(Date.parse(moment)).slice(0, 10)).toBe(row!.id);
});
