// An upstream that does not know a recipient: the address is suppressed by itself, and the next message skips it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    rcpt: { 'gone@x.example': '550 5.1.1 no such user', 'full@x.example': '552 5.2.2 mailbox full', '*': '250 ok' },
  });
  gateway = await startTestGateway({ POSTERN_ROLES: 'all', POSTERN_UPSTREAMS: upstream.url('name=main') });
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

it('a recipient that an upstream does not know is skipped from then on, others are not', async () => {
  const first = await gateway.submit(['gone@x.example', 'full@x.example', 'alive@x.example']);
  await gateway.reaches(first, 'failed', 'delivered');
  await eventually(async () =>
    expect(await gateway.rows('select address_key, reason from suppressions')).toEqual([
      { address_key: 'gone@x.example', reason: 'hard-bounce' },
    ]),
  );
  const second = await gateway.submit(['gone@x.example', 'full@x.example', 'alive@x.example']);
  await gateway.reaches(second, 'suppressed', 'failed', 'delivered');
  expect((await gateway.deliveries(second)).map(({ state }) => state)).toEqual(['suppressed', 'failed', 'delivered']);
});
