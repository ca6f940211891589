// How much more do two dispatchers send than one? Mail gathers while they stand still, then they go on, and it is the time
// from the first message at the upstream to the last that counts. Beside an upstream that answers at once, where the
// machine's cores are the limit, one that takes 50 ms a reply, as hosts on the internet do: there the connections are.
import { runLoad } from '../load.ts';
import { fleetAs } from '../relays/fleet.ts';
import type { Environment } from '../relays/postern.ts';
import { type Sink, startSink } from '../sink.ts';
import { waitUntil } from '../workspace.ts';
import {
  arrival,
  costOf,
  cpuFigures,
  type Measuring,
  memoryFigures,
  type Outcome,
  openSink,
  perSecond,
  planFor,
  refusalRemarks,
  type Scenario,
  warmUp,
} from './scenario.ts';

const FAR_AWAY_MS = 50;
/** An upstream's connections are shared by the dispatchers: who adds one to send more allows more of them. */
const CONNECTIONS_EACH = 20;
const FIRST_WITHIN_MS = 30_000;

export const dispatchers = drain('dispatchers', 'at once', 20_000, openSink);
export const dispatchersFar = drain('dispatchers-far', `after ${FAR_AWAY_MS} ms`, 4_000, site =>
  startSink(site.upstreamPort, () => {}, { replyMs: FAR_AWAY_MS }),
);

function drain(name: string, answers: string, messages: number, open: (site: Measuring) => Promise<Sink>): Scenario {
  return {
    name,
    title: `what waits is sent, over Redis, ${CONNECTIONS_EACH} connections for each process, an upstream that answers ${answers}; 10 KiB`,
    messages,
    columns: ['drainedPerSecond', 'cpuPer1k', 'postgresCpuPer1k', 'redisCpuPer1k', 'pssMb', 'nodePssMb'],
    contestants,
    run: site => measure(site, open),
  };
}

function contestants(settings: Environment) {
  return [2, 1].map(count =>
    fleetAs(`${count} dispatcher${count > 1 ? 's' : ''}`, {
      ...{ listeners: 1, dispatchers: count, connections: count * CONNECTIONS_EACH, settings },
    }),
  );
}

async function measure(site: Measuring, open: (site: Measuring) => Promise<Sink>): Promise<Outcome> {
  const { freeze, thaw } = site.relay.sending!;
  const sink = await open(site);
  try {
    const plan = planFor(site, {});
    await warmUp(plan, sink);
    const before = sink.received();
    freeze();
    const load = await runLoad(plan);
    const [{ firstAtMs, last }, cost] = await costOf(site.relay, async () => {
      thaw();
      const isBegun = await waitUntil(() => sink.received() > before, FIRST_WITHIN_MS, 2);
      if (!isBegun) throw new Error(`nothing is sent ${FIRST_WITHIN_MS / 1000} s after the dispatchers went on`);
      return { firstAtMs: performance.now(), last: await arrival(sink, before + load.accepted) };
    });
    const figures = {
      drainedPerSecond: perSecond(load.accepted, last.atMs - firstAtMs),
      ...cpuFigures(cost, load.accepted),
      ...memoryFigures(cost.memory),
    };
    const missing = last.isComplete ? [] : ['not everything arrived: drain/s is void'];
    return { figures, remarks: [...refusalRemarks(load), ...missing] };
  } finally {
    await sink.stop();
  }
}
