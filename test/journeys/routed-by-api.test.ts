// A rule that is put over the API changes where mail goes, within seconds and without a restart; so does an upstream that
// is opened by hand. Two upstreams over real sockets, each of which keeps what it gets.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bearer, client } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstreams: ScriptedUpstream[];
let gateway: TestGateway;
let ask: ReturnType<typeof client>;

beforeAll(async () => {
  upstreams = await Promise.all([1, 2].map(() => ScriptedUpstream.start()));
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: upstreams.map((upstream, i) => upstream.url(`name=${['first', 'second'][i]}`)).join(','),
  });
  ask = client(gateway, await bearer(gateway));
});
afterAll(async () => {
  await gateway.end();
  await Promise.all(upstreams.map(upstream => upstream.stop()));
});

/** Index of the upstream that takes it. */
async function wayOf(to: string): Promise<number> {
  const before = upstreams.map(({ messages }) => messages.length);
  await gateway.reaches(await gateway.submit(to), 'delivered');
  return upstreams.findIndex(({ messages }, i) => messages.length > before[i]!);
}

it('mail of a rule takes its upstream until the rule is removed, and other mail does not notice', async () => {
  expect(await wayOf('a@gmail.com')).toBe(0);
  const rule = { when: { 'recipient-domain': ['gmail.com', '*.gmail.com'] }, to: 'second, first' };
  expect((await ask('PUT', '/routes/gmail', rule)).status).toBe(201);
  await eventually(async () => expect(await wayOf('a@gmail.com')).toBe(1));
  expect(await wayOf('a@mail.gmail.com')).toBe(1);
  expect(await wayOf('b@example.net')).toBe(0);
  expect((await ask('PUT', '/routes/gmail', { ...rule, to: 'first' })).status).toBe(200);
  await eventually(async () => expect(await wayOf('a@gmail.com')).toBe(0));
  await ask('PUT', '/routes/gmail', rule);
  await eventually(async () => expect(await wayOf('a@gmail.com')).toBe(1));
  expect((await ask('DELETE', '/routes/gmail')).status).toBe(204);
  await eventually(async () => expect(await wayOf('a@gmail.com')).toBe(0));
});

it('an upstream that is opened gets no mail until it is closed', async () => {
  expect((await ask('POST', '/upstreams/first/open', { reason: 'moving' })).status).toBe(200);
  await eventually(async () => expect(await wayOf('c@example.net')).toBe(1));
  expect(await wayOf('d@example.net')).toBe(1);
  expect((await ask('POST', '/upstreams/first/close')).body.wasOpen).toBe(true);
  await eventually(async () => expect(await wayOf('e@example.net')).toBe(0));
});

it('a rule that the API calls wrong changes nothing', async () => {
  expect((await ask('PUT', '/routes/odd', { when: {}, to: 'third' })).status).toBe(422);
  expect(await wayOf('f@example.net')).toBe(0);
});

it('upstreams and rules of changed settings are what the API knows from then on', async () => {
  const settings = { ...gateway.settings, POSTERN_UPSTREAMS: gateway.settings.POSTERN_UPSTREAMS!.slice(1) };
  gateway.gateway.reconfigure(settings);
  expect((await ask('GET', '/upstreams')).body.items.map(({ name }: { name: string }) => name)).toEqual(['second']);
  expect((await ask('PUT', '/routes/odd', { when: {}, to: 'first' })).status).toBe(422);
});
