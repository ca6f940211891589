// Much mail waits for an upstream that can be talked to again: one delivery finds out whether it takes mail, and takes its
// time about it. The rest waits as before, and so does nobody else's mail.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

const WAITING = 400;

let away: ScriptedUpstream;
let other: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  [away, other] = [await ScriptedUpstream.start(), await ScriptedUpstream.start()];
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: `${other.url('name=other')},${away.url('name=away&connections=100')}`,
    POSTERN_ROUTES: '[{"name":"shop","when":{"recipient-domain":"shop.example"},"to":"away"}]',
  });
});
afterAll(async () => {
  await gateway.end();
  await Promise.all([away.stop(), other.stop()]);
});

it('what cannot go is claimed once for the trial, and not again and again while it lasts', async () => {
  other.script.rcpt = { 'friend@x.example': ['451 4.7.1 later', '250 2.1.5 ok'] };
  const due = await gateway.submit('friend@x.example');
  await gateway.settled(due);
  await away.stop();
  const client = await gateway.login();
  for (let i = 0; i < WAITING; i += 1)
    await client.submit('s@example.com', [`r${i}@shop.example`], 'Subject: hi\r\n\r\n');
  client.close();
  const parked = () => gateway.rows('select 1 from deliveries where parked and lease_holder is null');
  await eventually(async () => expect(await parked()).toHaveLength(WAITING));

  away.script.mail = 'HANG';
  await away.listen();
  await eventually(() => expect(away.conversations.flat()).toContainEqual(expect.stringMatching(/^MAIL/)));
  await gateway.makeDue(due);
  await gateway.reaches(due, 'delivered');
  await eventually(async () => expect(await parked()).toHaveLength(WAITING - 1));
  const [claims] = await gateway.rows<{ inVain: number }>('select sum(uncounted)::int as "inVain" from deliveries');
  expect(claims!.inVain).toBeLessThanOrEqual(100);

  away.script.mail = '250 2.1.0 ok';
  away.disconnect();
  await eventually(async () => expect(away.messages).toHaveLength(WAITING), 20_000);
}, 60_000);
