// One message, several recipients: one transaction at the upstream, and to each recipient its own fate.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let second: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    rcpt: {
      'nobody@x.example': '550 5.1.1 no such user',
      'full@x.example': '452 4.2.2 mailbox full',
      'grey@x.example': ['450 4.7.1 greylisted', '250 2.1.5 ok'],
    },
  });
  second = await ScriptedUpstream.start();
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: `${upstream.url('name=main')},${second.url('name=second')}` });
});
afterAll(async () => {
  await gateway.end();
  await Promise.all([upstream.stop(), second.stop()]);
});

it('delivered, failed and deferred, in one transaction, and a recipient is never tried elsewhere', async () => {
  const id = await gateway.submit([
    'fine@x.example',
    'nobody@x.example',
    'full@x.example',
    'grey@x.example',
    'too@x.example',
  ]);
  await gateway.settled(id);
  const deliveries = await gateway.deliveries(id);
  expect(deliveries.map(({ recipient, state, reason }) => [recipient, state, reason])).toEqual([
    ['fine@x.example', 'delivered', 'accepted-by-upstream'],
    ['nobody@x.example', 'failed', 'recipient-refused-at-rcpt'],
    ['full@x.example', 'queued', 'recipient-deferred-at-rcpt'],
    ['grey@x.example', 'queued', 'recipient-deferred-at-rcpt'],
    ['too@x.example', 'delivered', 'accepted-by-upstream'],
  ]);
  for (const n of [2, 3]) {
    expect(deliveries[n]!.due_in_s).toBeGreaterThan(45);
    expect(deliveries[n]!.due_in_s).toBeLessThan(67);
    expect(deliveries[n]!.parked).toBe(false);
  }
  expect(await gateway.events(id)).toEqual([
    'accepted',
    'delivered 0',
    'failed 1',
    'deferred 2',
    'deferred 3',
    'delivered 4',
  ]);
  expect(upstream.messages).toHaveLength(1);
  expect(upstream.messages[0]!.rcpts).toEqual(['RCPT TO:<fine@x.example>', 'RCPT TO:<too@x.example>']);
  expect(second.messages).toEqual([]);

  await gateway.makeDue(id);
  await gateway.reaches(id, 'delivered', 'failed', 'queued');
  await expect.poll(async () => (await gateway.deliveries(id))[3]!.state, { timeout: 10_000 }).toBe('delivered');
  expect(upstream.messages[1]!.rcpts).toEqual(['RCPT TO:<grey@x.example>']);
  const attempts = await gateway.attempts(id);
  expect(attempts.filter(({ n }) => n === 3)).toMatchObject([
    {
      attempt: 1,
      upstream: 'main',
      result: 'refused',
      stage: 'rcpt',
      smtp_code: 450,
      enhanced_status: '4.7.1',
      detail: 'greylisted',
    },
    { attempt: 2, upstream: 'main', result: 'accepted', smtp_code: 250 },
  ]);
  expect(attempts.filter(({ n }) => n === 1)).toMatchObject([
    { scope: 'recipient', decision: 'failed: recipient-refused-at-rcpt (no-such-user)' },
  ]);
});

it('a thousand of them are one content and one transaction', async () => {
  const before = upstream.messages.length;
  const id = await gateway.submit(Array.from({ length: 1_000 }, (_, i) => `r${i}@x.example`));
  await gateway.reaches(id, 'delivered');
  expect(upstream.messages.slice(before).map(({ rcpts }) => rcpts.length)).toEqual([1_000]);
});

it('two that differ in case only are one', async () => {
  const id = await gateway.submit(['Bob@x.example', 'bob@X.example']);
  await gateway.reaches(id, 'delivered');
  expect(await gateway.deliveries(id)).toHaveLength(1);
});
