// Ten upstreams, each for the mail of one domain, and one of them takes two seconds for a reply. The other nine should not
// notice: what they take in that time, beside the same with ten that are equal. Few connections, so that these are what
// holds each of them back, not the machine.
import { SETTINGS } from '../../src/platform/settings.ts';
import { runLoad } from '../load.ts';
import { type Environment, posternAs, upstreamUrl } from '../relays/postern.ts';
import type { Relay, Site } from '../relays/relay.ts';
import { type Sink, startSink } from '../sink.ts';
import {
  arrival,
  costOf,
  cpuFigures,
  type Measuring,
  type Outcome,
  perSecond,
  planFor,
  refusalRemarks,
  type Scenario,
} from './scenario.ts';

const UPSTREAMS = 10;
const CONNECTIONS = 3;
const REPLY_MS = 20;
const SLOW_REPLY_MS = 2_000;
const WARM_UP_EACH = 50;
const domains = Array.from({ length: UPSTREAMS }, (_, index) => `u${index + 1}.example`);
const hostOf = (index: number) => `127.0.0.${index + 1}`;
/** Behind all others: whoever is tested against it has it in the place of the tenth. */
const SLOW_HOST = hostOf(UPSTREAMS);

export const slowUpstream: Scenario = {
  name: 'slow-upstream',
  title: `ten upstreams by domain, ${CONNECTIONS} connections each; what nine of them get while the tenth takes 2 s a reply`,
  messages: 6_000,
  columns: ['relayedPerSecond', 'cpuPer1k', 'postgresCpuPer1k'],
  contestants: settings => [tenUpstreams('one slow', true, settings), tenUpstreams('ten equal', false, settings)],
  run: measure,
};

function tenUpstreams(name: string, isTenthSlow: boolean, settings: Environment): Relay {
  return posternAs(name, site => {
    if (!Object.hasOwn(SETTINGS, 'POSTERN_ROUTES'))
      throw new Error('needs POSTERN_ROUTES, routes by recipient domain, which this checkout does not have');
    return { POSTERN_UPSTREAMS: upstreams(site, isTenthSlow), POSTERN_ROUTES: routes(), ...settings };
  });
}

function upstreams({ upstreamPort }: Site, isTenthSlow: boolean): string {
  const host = (index: number) => (isTenthSlow && index === UPSTREAMS - 1 ? SLOW_HOST : hostOf(index));
  return domains.map((_, index) => upstreamUrl(`u${index + 1}`, host(index), upstreamPort, CONNECTIONS)).join(',');
}

function routes(): string {
  const rules = domains.map((domain, index) => ({
    name: `u${index + 1}`,
    when: { 'recipient-domain': [domain] },
    to: `u${index + 1}`,
  }));
  return JSON.stringify(rules);
}

async function measure(site: Measuring): Promise<Outcome> {
  const sinks = await openSinks(site);
  const nine = together(sinks.slice(0, UPSTREAMS - 1));
  try {
    const each = Math.floor(site.messages / UPSTREAMS);
    const warm = await loadAll(site, WARM_UP_EACH, 800_000_000);
    await arrival(nine, acceptedByNine(warm));
    const before = nine.received();
    const startedAtMs = performance.now();
    const [{ loads, last }, cost] = await costOf(site.relay, async () => {
      const loads = await loadAll(site, each, 1);
      return { loads, last: await arrival(nine, before + acceptedByNine(loads)) };
    });
    const accepted = acceptedByNine(loads);
    const figures = {
      relayedPerSecond: perSecond(accepted, last.atMs - startedAtMs),
      ...cpuFigures(cost, accepted),
    };
    const missing = last.isComplete ? [] : ['not everything arrived at the nine: relay/s is void'];
    return { figures, remarks: [...loads.flatMap(refusalRemarks), ...missing] };
  } finally {
    await Promise.all(sinks.map(sink => sink.stop()));
  }
}

function openSinks({ upstreamPort }: Measuring): Promise<Sink[]> {
  const fast = domains.map((_, index) => startSink(upstreamPort, () => {}, { host: hostOf(index), replyMs: REPLY_MS }));
  const slow = startSink(upstreamPort, () => {}, { host: SLOW_HOST, replyMs: SLOW_REPLY_MS });
  return Promise.all([...fast, slow]);
}

function together(sinks: readonly Sink[]): Sink {
  return {
    received: () => sinks.reduce((sum, sink) => sum + sink.received(), 0),
    stop: async () => void (await Promise.all(sinks.map(sink => sink.stop()))),
  };
}

/** To each domain as much, all at the same time; the tenth is the last of them. */
function loadAll(site: Measuring, each: number, firstNumber: number) {
  const load = (recipientDomain: string, index: number) =>
    runLoad(planFor(site, { recipientDomain, messages: each, sessions: 2, firstNumber: firstNumber + index * each }));
  return Promise.all(domains.map(load));
}

function acceptedByNine(loads: readonly { readonly accepted: number }[]): number {
  return loads.slice(0, UPSTREAMS - 1).reduce((sum, load) => sum + load.accepted, 0);
}
