// Without an upstream mail is captured, whatever its credential says: in the queue it would wait for ever.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
  await gateway.rows(`update credentials set mode = 'live'`);
});
afterAll(() => gateway.end());

it('a credential in live mode has its mail captured', async () => {
  const id = await gateway.submit('receiver@example.net');
  expect(await gateway.deliveries(id)).toMatchObject([{ state: 'captured' }]);
  expect(await gateway.events(id)).toEqual(['captured']);
});
