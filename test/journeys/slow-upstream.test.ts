// An upstream that takes its time holds up its own mail, and nobody else's; what waits for it comes when it is quick again.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let quick: ScriptedUpstream;
let slow: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  quick = await ScriptedUpstream.start();
  slow = await ScriptedUpstream.start({ mail: 'HANG' });
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: `${quick.url('name=quick&connections=2')},${slow.url('name=slow&connections=2')}`,
    POSTERN_ROUTES: JSON.stringify([{ name: 'slow', when: { 'recipient-domain': 'slow.example' }, to: 'slow' }]),
    POSTERN_UPSTREAM_TIMEOUT: '60s',
  });
});
afterAll(async () => {
  await gateway.end();
  await Promise.all([quick.stop(), slow.stop()]);
});

it('a slow upstream holds up nobody else, and gets what waited for it when it is quick again', async () => {
  const first = await Promise.all([1, 2].map(i => gateway.submit(`first${i}@slow.example`)));
  await eventually(() => expect(slow.conversations.flat().filter(line => line.startsWith('MAIL'))).toHaveLength(2));
  // Once they have been under way for more than two seconds, nobody waits behind them in memory any more.
  const waiting: string[] = [];
  await eventually(async () => {
    const id = await gateway.submit(`waits${waiting.length}@slow.example`);
    waiting.push(id);
    const [delivery] = await gateway.deliveries(id);
    expect(delivery).toMatchObject({
      state: 'queued',
      attempt: 0,
      lease_holder: null,
      reason: 'upstream-busy: more mail for slow than it takes',
    });
  });
  const others = await Promise.all(Array.from({ length: 20 }, (_, i) => gateway.submit(`a${i}@quick.example`)));
  for (const id of others) await gateway.reaches(id, 'delivered');

  // Claimed too early, it goes back without that having counted as an attempt.
  await gateway.makeDue(waiting.at(-1)!);
  await eventually(async () => {
    const [delivery] = await gateway.deliveries(waiting.at(-1)!);
    expect(delivery!.due_in_s).toBeGreaterThan(1);
    expect(delivery).toMatchObject({ attempt: 0, lease_holder: null });
  });

  slow.script.mail = '250 2.1.0 ok';
  slow.disconnect();
  for (const id of waiting) await gateway.reaches(id, 'delivered');
  const tries = (await gateway.attempts(waiting.at(-1)!)).filter(({ result }) => result !== 'skipped');
  expect(tries.map(({ result }) => result)).toEqual(['accepted']);
  for (const id of first) await gateway.makeDue(id);
  for (const id of first) await gateway.reaches(id, 'delivered');
});
