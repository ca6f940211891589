// Behind an HTTP proxy: who the client is, it says in X-Forwarded-For; and only it is believed.
import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { basic } from '../support/api.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const PROXY = '127.0.9.1';
const NOBODY = '127.0.0.1';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: 'null://?name=main',
    POSTERN_HTTP_PROXY_NETWORKS: '127.0.9.0/24',
    POSTERN_LOG_LEVEL: 'debug',
  });
});
afterAll(() => gateway.end());

let names = 0;

/** A guess from there, at a name that nobody has. */
function guess(localAddress: string, forwardedFor: string, name: string): Promise<number> {
  const headers = { authorization: basic(name, 'guessed'), 'x-forwarded-for': forwardedFor };
  const where = { host: '127.0.0.1', port: gateway.httpPort, path: '/api/v1/routes', localAddress };
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, headers }, answer => {
      answer.resume();
      resolve(answer.statusCode!);
    });
    asked.on('error', reject).end();
  });
}

async function guessTwentyTimes(localAddress: string, forwardedFor: string): Promise<string> {
  names += 1;
  const name = `nobody${names}`;
  for (let i = 0; i < 20; i += 1) expect(await guess(localAddress, forwardedFor, name)).toBe(401);
  return name;
}

it('who guesses is known by the address that the proxy gives, whatever it said itself', async () => {
  const name = await guessTwentyTimes(PROXY, '192.0.2.7');
  expect(await guess(PROXY, '192.0.2.7', name)).toBe(429);
  expect(await guess(PROXY, '203.0.113.1, 192.0.2.7', name)).toBe(429);
  expect(await guess(PROXY, '198.51.100.8', name)).toBe(401);
});

it('nobody else is believed', async () => {
  const name = await guessTwentyTimes(NOBODY, '192.0.2.9');
  expect(await guess(NOBODY, '198.51.100.9', name)).toBe(429);
  expect(await guess(PROXY, '198.51.100.9', name)).toBe(401);
});

it('the log has the address of the client', () => {
  const addresses = gateway.lines.filter(({ event }) => event === 'auth-failed').map(line => line.remoteAddress);
  expect([...new Set(addresses)]).toEqual(['192.0.2.7', '198.51.100.8', NOBODY, '198.51.100.9']);
});
