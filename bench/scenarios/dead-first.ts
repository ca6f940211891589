// The upstream that everything should go to refuses connections, and the second one takes all of it. Once the first one's
// circuit is open, which the warm-up sees to, what does that cost a message?
import { posternAs, upstreamUrl } from '../relays/postern.ts';
import type { Site } from '../relays/relay.ts';
import { measureLatency } from './latency.ts';
import type { Scenario } from './scenario.ts';

/** An address where nobody listens. */
const DEAD = '127.0.0.99';

export const deadFirst: Scenario = {
  name: 'dead-first',
  title: 'as light, with a first upstream that refuses connections, and without it',
  messages: 1_000,
  columns: ['acceptP50Ms', 'acceptP99Ms', 'arriveP50Ms', 'arriveP99Ms', 'cpuPer1k', 'postgresCpuPer1k'],
  contestants: settings => [
    posternAs('dead first', site => ({ POSTERN_UPSTREAMS: upstreams(site, true), ...settings })),
    posternAs('without', site => ({ POSTERN_UPSTREAMS: upstreams(site, false), ...settings })),
  ],
  run: measureLatency,
};

function upstreams({ upstreamPort }: Site, isFirstDead: boolean): string {
  const dead = isFirstDead ? [upstreamUrl('dead', DEAD, upstreamPort)] : [];
  return [...dead, upstreamUrl('sink', '127.0.0.1', upstreamPort)].join(',');
}
