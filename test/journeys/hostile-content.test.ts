// One message must not take the gateway, or those that travel with it, down.
import { afterAll, beforeAll, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') });
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

it('a Message-ID too long for an index row is accepted like any other', async () => {
  // Nothing that could be compressed.
  const long = Array.from({ length: 990 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * 7_919) % 20_000))).join('');
  const id = await gateway.submit('receiver@example.net', Buffer.from(`Message-ID: <${long}>\r\n\r\nhello\r\n`));
  await gateway.reaches(id, 'delivered');
});
