// No upstream takes mail for a while: everything waits in the database, and goes out in order when one is back.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main&connections=1') });
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

it('waits parked, spends one attempt on the outage, and drains first come, first served', async () => {
  await upstream.stop();
  const ids: string[] = [];
  const client = await gateway.login();
  for (let i = 0; i < 60; i += 1) {
    const answer = await client.submit('s@example.com', [`r${i}@x.example`], `Subject: ${i}\r\n\r\n`);
    ids.push(answer.split(' ').at(-1)!);
  }
  client.close();
  const parked = () => gateway.rows('select 1 from deliveries where parked and lease_holder is null');
  await eventually(async () => expect(await parked()).toHaveLength(60));
  const [spent] = await gateway.rows<{ max: number }>('select max(attempt)::int as max from deliveries');
  expect(spent!.max).toBe(1);
  expect((await gateway.attempts(ids[0]!))[0]).toMatchObject({ result: 'unreachable', stage: 'connect' });

  await upstream.listen();
  for (const id of ids) await gateway.reaches(id, 'delivered');
  const order = upstream.messages.map(({ rcpts }) => Number(/r(\d+)@/.exec(rcpts[0]!)![1]));
  expect(order).toEqual(ids.map((_, i) => i));
  expect(upstream.messages).toHaveLength(60);
}, 60_000);

it('new mail of the time after goes out at once', async () => {
  const id = await gateway.submit('later@x.example');
  await gateway.reaches(id, 'delivered');
  expect(await gateway.attempts(id)).toMatchObject([{ attempt: 1, result: 'accepted' }]);
});
