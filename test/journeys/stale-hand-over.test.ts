// Mail that was handed over while its upstream was up does not wait for that upstream, one timeout after another, when it
// has gone down meanwhile.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let first: ScriptedUpstream;
let second: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  first = await ScriptedUpstream.start({ banner: 'HANG' });
  second = await ScriptedUpstream.start();
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: `${first.url('name=first&connections=1')},${second.url('name=second&connections=1')}`,
    POSTERN_UPSTREAM_TIMEOUT: '2s',
  });
});
afterAll(async () => {
  await gateway.end();
  await Promise.all([first.stop(), second.stop()]);
});

it('goes to the next one when its turn comes', async () => {
  const ids = await Promise.all(Array.from({ length: 12 }, (_, i) => gateway.submit(`r${i}@example.net`)));
  await eventually(() => expect(second.messages).toHaveLength(12));
  await Promise.all(ids.map(id => gateway.reaches(id, 'delivered')));
  const attempts = (await Promise.all(ids.map(id => gateway.attempts(id)))).flat();
  const atFirst = attempts.filter(({ upstream, result }) => upstream === 'first' && result === 'unreachable');
  // Two slots, so two messages waited, and the two behind them at most; the others were told that it is down.
  expect(atFirst.filter(({ detail }) => !detail!.startsWith('it went down')).length).toBeLessThan(6);
});
