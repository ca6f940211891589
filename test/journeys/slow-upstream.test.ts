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

/** So much bulk mail is held in memory for one of two upstreams; the rest waits in the database. */
const MORE_THAN_FITS = 400;

it('a slow upstream holds up nobody else, and gets what waited for it when it is quick again', async () => {
  const client = await gateway.login();
  for (let i = 0; i < MORE_THAN_FITS; i += 1) {
    const answer = await client.submit(
      'news@example.com',
      [`a${i}@slow.example`],
      'X-Postern-Stream: bulk\r\n\r\nnews\r\n',
    );
    expect(answer).toMatch(/^250/);
  }
  client.close();
  const waiting = () =>
    gateway.rows<{ message_id: string; attempt: number; due_in_s: number }>(
      `select message_id, attempt, extract(epoch from due_at - now())::float as due_in_s from deliveries
       where reason = 'upstream-busy: more mail for slow than it takes' and lease_holder is null order by message_id`,
    );
  await eventually(async () => expect((await waiting()).length).toBeGreaterThan(20));
  const others = await Promise.all(Array.from({ length: 20 }, (_, i) => gateway.submit(`a${i}@quick.example`)));
  for (const id of others) await gateway.reaches(id, 'delivered');

  // Claimed too early, it goes back without that having counted as an attempt.
  const { message_id: last } = (await waiting()).at(-1)!;
  await gateway.makeDue(last);
  await eventually(async () => {
    const [delivery] = await gateway.deliveries(last);
    expect(delivery!.due_in_s).toBeGreaterThan(0.5);
    expect(delivery).toMatchObject({ lease_holder: null, counted: 0 });
  });

  slow.script.mail = '250 2.1.0 ok';
  slow.disconnect();
  await eventually(async () => {
    // What was under way is due again later, as after any failed attempt.
    await gateway.rows(
      `update deliveries set due_at = now() where state = 'queued' and attempt > uncounted and lease_holder is null`,
    );
    expect(await gateway.rows(`select 1 from deliveries where state <> 'delivered'`)).toHaveLength(0);
  }, 60_000);
  const tries = (await gateway.attempts(last)).filter(({ result }) => result !== 'skipped');
  expect(tries.map(({ result }) => result)).toEqual(['accepted']);
}, 120_000);
