// A message that is deferred again and again: when it is tried, and when it is given up. Time moves in the database.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openUpstream } from '../../relay/upstreams/by-hand.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({ rcpt: { 'grey@x.example': '450 4.7.1 greylisted' } });
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: upstream.url('name=main'),
    POSTERN_RETRY: '1m,5m,15m*',
    POSTERN_MAX_AGE: '4h',
  });
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

/** Makes it due and waits for the attempt of that number to end. */
async function tryAgain(id: string, attempt: number): Promise<void> {
  await gateway.makeDue(id);
  await expect
    .poll(async () => (await gateway.deliveries(id)).map(d => [d.attempt, d.lease_holder]), { timeout: 10_000 })
    .toEqual([[attempt, null]]);
}

it('waits 1, 5, 15, 15 minutes, a tenth either way, and keeps every attempt', async () => {
  const id = await gateway.submit('grey@x.example');
  await gateway.settled(id);
  for (const [attempt, minutes] of [
    [1, 1],
    [2, 5],
    [3, 15],
    [4, 15],
  ] as const) {
    if (attempt > 1) await tryAgain(id, attempt);
    const [delivery] = await gateway.deliveries(id);
    expect(delivery!.due_in_s! / 60).toBeGreaterThan(minutes * 0.9 - 0.2);
    expect(delivery!.due_in_s! / 60).toBeLessThanOrEqual(minutes * 1.1);
  }
  expect((await gateway.attempts(id)).map(a => a.attempt)).toEqual([1, 2, 3, 4]);
  expect(await gateway.events(id)).toEqual(['accepted', ...Array(4).fill('deferred 0')]);
});

it('expires at its age, with the last reason kept', async () => {
  const id = await gateway.submit('grey@x.example');
  await gateway.settled(id);
  await gateway.rows('update messages set expires_at = now() where message_id = $1', id);
  await gateway.makeDue(id);
  await gateway.reaches(id, 'expired');
  expect((await gateway.events(id)).at(-1)).toBe('expired 0');
  expect((await gateway.deliveries(id))[0]!.reason).toMatch(/^(expired|too-old)/);
  expect(upstream.messages).toEqual([]);
});

it('is due no later than the end of its life', async () => {
  const id = await gateway.submit('grey@x.example');
  await gateway.settled(id);
  await gateway.rows(`update messages set expires_at = now() + interval '2 min' where message_id = $1`, id);
  await tryAgain(id, 2);
  expect((await gateway.deliveries(id))[0]!.due_in_s).toBeLessThanOrEqual(120);
});

it('expires at its age, though nothing takes mail and nobody tries it', async () => {
  const id = await gateway.submit('grey@x.example');
  await gateway.settled(id);
  await openUpstream(gateway.database.pool, 'main', { by: 'test', reason: null, for: null });
  await expect.poll(() => gateway.lines.some(({ event }) => event === 'upstream-down'), { timeout: 10_000 }).toBe(true);
  await gateway.rows('update messages set expires_at = now() where message_id = $1', id);
  await gateway.makeDue(id);
  await gateway.reaches(id, 'expired');
  expect((await gateway.events(id)).at(-1)).toBe('expired 0');
});
