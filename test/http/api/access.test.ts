// Who may ask the API: real tokens and logins, and everything that is neither.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revokeApiToken } from '../../../src/store/api-tokens.ts';
import { ADMIN, basic, bearer, client } from '../../support/api.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: 'null://?name=main' });
});
afterAll(() => gateway.end());

const get = (authorization: string | null) => client(gateway, authorization)('GET', '/routes');

const REFUSED = {
  ...{ type: 'about:blank', title: 'Unauthorized', status: 401 },
  detail: 'a valid token, or the login of an admin, is needed',
};

it('a token opens the door, and when it was used last is noted', async () => {
  const token = await bearer(gateway, { name: 'seen' });
  expect((await get(token)).status).toBe(200);
  expect((await get(token.replace('Bearer', 'bearer'))).status).toBe(200);
  await eventually(async () => {
    const [row] = await gateway.rows(`select last_used_at from api_tokens where name = 'seen'`);
    expect(row!.last_used_at).not.toBeNull();
  });
});

it('so does the login of an admin', async () => {
  expect((await get(ADMIN)).status).toBe(200);
  expect((await client(gateway, ADMIN)('PUT', '/routes/by-admin', { when: {}, to: 'main' })).status).toBe(201);
  const [change] = gateway.lines.filter(({ event }) => event === 'api-action');
  expect(change).toMatchObject({ by: 'admin admin', path: '/api/v1/routes/by-admin' });
});

describe('is 401, with one text and how to come in:', () => {
  it.each<[string, () => Promise<string | null>]>([
    ['nothing', async () => null],
    ['a token that nobody made', async () => `Bearer pat_01HF7YAT00ABCDEFGHJKMNPQRT_${'0'.repeat(40)}`],
    ['a token with another secret', async () => `${(await bearer(gateway)).slice(0, -4)}0000`],
    ['a token with more behind it', async () => `${await bearer(gateway)}0`],
    ['what is no token', async () => 'Bearer sesame'],
    ['a token as Basic', async () => basic('admin', await bearer(gateway))],
    ['the password of an app', async () => basic('app', 'app-password')],
    ['another password', async () => basic('admin', 'admin-passworD')],
    ['an admin that is none', async () => basic('nobody', 'admin-password')],
    ['a name without a password', async () => `Basic ${Buffer.from('admin').toString('base64')}`],
    ['another scheme', async () => 'Digest username="admin"'],
    ['a name that the database cannot hold', async () => basic('ad\0min', 'admin-password')],
    ['an endless name', async () => basic('x'.repeat(5_000), 'y')],
    [
      'a token that was revoked',
      async () => {
        const token = await bearer(gateway, { name: 'gone' });
        expect((await get(token)).status).toBe(200);
        await revokeApiToken(gateway.database.pool, 'gone');
        return token;
      },
    ],
    [
      'a token that is over',
      async () => {
        const token = await bearer(gateway, { name: 'over' });
        expect((await get(token)).status).toBe(200);
        await gateway.rows(`update api_tokens set expires_at = now() where name = 'over'`);
        return token;
      },
    ],
  ])('%s', async (_title, authorization) => {
    const answer = await get(await authorization());
    expect(answer.body).toEqual(REFUSED);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer .*Basic /);
  });

  it('whatever is asked for, there or not', async () => {
    const stranger = client(gateway, null);
    for (const [method, path] of [
      ['GET', '/nothing'],
      ['PATCH', '/routes'],
      ['PUT', '/routes/x'],
      ['POST', '/upstreams/main/open'],
    ] as const)
      expect((await stranger(method, path, method === 'GET' ? undefined : '{')).body).toEqual(REFUSED);
  });
});

it('a read-only token looks, and changes nothing: 403', async () => {
  const ask = client(gateway, await bearer(gateway, { isReadOnly: true }));
  expect((await ask('GET', '/upstreams')).status).toBe(200);
  expect((await ask('POST', '/routes/test', { from: 'a@x.example', to: 'b@x.example' })).status).toBe(200);
  for (const [method, path, body] of [
    ['PUT', '/routes/mine', { when: {}, to: 'main' }],
    ['DELETE', '/routes/by-admin', undefined],
    ['POST', '/upstreams/main/open', undefined],
    ['POST', '/upstreams/main/test', undefined],
  ] as const)
    expect((await ask(method, path, body)).body).toMatchObject({ status: 403, detail: 'this token is read-only' });
  expect((await ask('GET', '/routes/mine')).status).toBe(404);
});

it('a page of another site changes nothing with a login that the browser knows', async () => {
  const ask = client(gateway, ADMIN);
  for (const site of ['cross-site', 'same-site'])
    expect((await ask('POST', '/upstreams/main/open', undefined, { 'sec-fetch-site': site })).status).toBe(403);
  expect((await ask('POST', '/upstreams/main/close', undefined, { 'sec-fetch-site': 'same-origin' })).body).toEqual({
    ...{ upstream: 'main', state: 'closed', wasOpen: false },
  });
});

it('who fails twenty times from one neighbourhood is not looked at any more: 429, and others are', async () => {
  const [row] = await gateway.rows<{ token_id: string }>(`select token_id from api_tokens where name = 'seen'`);
  const wrong = `Bearer pat_${row!.token_id}_${'f'.repeat(40)}`;
  const tries = await Promise.all(Array.from({ length: 20 }, () => get(wrong)));
  expect(new Set(tries.map(({ status }) => status))).toEqual(new Set([401]));
  const throttled = await get(wrong);
  expect(throttled.body).toMatchObject({ status: 429, title: 'Too Many Requests' });
  expect(throttled.headers.get('retry-after')).toBe('900');
  expect((await get(await bearer(gateway))).status).toBe(200);
  expect((await get(ADMIN)).status).toBe(200);
});

it('of passwords, only so many are looked at together', async () => {
  const tries = await Promise.all(Array.from({ length: 40 }, (_, i) => get(basic(`guess${i}`, 'x'))));
  const statuses = tries.map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([401, 503]));
  expect(statuses.filter(status => status === 401).length).toBeLessThan(40);
  expect((await get(ADMIN)).status).toBe(200);
});

it('no token and no password is in the log', async () => {
  const token = await bearer(gateway);
  await get(token);
  await get(`${token.slice(0, -1)}x`);
  await get(basic('admin', 'guessed-password'));
  const text = JSON.stringify(gateway.lines);
  expect(
    [token.slice(-40), 'guessed-password', 'admin-password', ADMIN.slice(6)].filter(secret => text.includes(secret)),
  ).toEqual([]);
});
