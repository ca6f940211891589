// Two dispatchers over one database send through an upstream that is being warmed up: what it may take today it gets, to
// the last message, and the established one behind it gets the rest.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postern, printedJson } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let database: TestDatabase;
let [fresh, established]: ScriptedUpstream[] = [];
let gateways: TestGateway[];

beforeAll(async () => {
  database = await cloneDatabase();
  [fresh, established] = [await ScriptedUpstream.start(), await ScriptedUpstream.start()];
  const today = new Date().toISOString().slice(0, 10);
  const upstreams = `${fresh.url(`name=fresh&warmup=${today}:7:7`)},${established.url('name=established')}`;
  gateways = [];
  for (let i = 0; i < 2; i += 1) gateways.push(await startTestGateway({ POSTERN_UPSTREAMS: upstreams }, { database }));
});
afterAll(async () => {
  for (const gateway of gateways) await gateway.end();
  await Promise.all([fresh?.stop(), established?.stop()]);
  await database.drop();
});

it('takes exactly what it may', async () => {
  const sent = Array.from({ length: 12 }, (_, i) => {
    const gateway = gateways[i % 2]!;
    return gateway.submit(`to${i}@x.example`).then(id => gateway.reaches(id, 'delivered'));
  });
  await Promise.all(sent);
  expect([fresh!.messages.length, established!.messages.length]).toEqual([7, 5]);
  // Nobody was at fault: both circuits are closed.
  const opened = gateways.flatMap(({ lines }) => lines.filter(({ event }) => event === 'upstream-down'));
  expect(opened).toEqual([]);
});

it('and the operator sees who sends', async () => {
  const environment = { DATABASE_URL: database.url, POSTERN_DATA_DIR: gateways[0]!.dataDir };
  const [status] = await printedJson(postern(environment, 'queue', 'status', '--json'));
  expect(status.dispatchers).toHaveLength(2);
  await gateways[1]!.stop();
  await eventually(async () => {
    const { stdout } = await postern(environment, 'queue', 'status');
    expect(stdout).toMatch(/\n1 dispatcher at work: /);
  });
});
