// As much as the relay takes: how fast it accepts, how fast all of it has reached the sink, and at what cost.
import { type LoadPlan, type LoadResult, runLoad } from '../load.ts';
import type { MetricName } from '../metrics.ts';
import type { Sink } from '../sink.ts';
import { runSmtpSource } from '../smtp-source.ts';
import {
  acceptFigures,
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

const columns: MetricName[] = [
  'acceptedPerSecond',
  'relayedPerSecond',
  'cpuPer1k',
  'postgresCpuPer1k',
  'pssMb',
  'nodePssMb',
  'acceptP50Ms',
  'acceptP99Ms',
];

export const kept = throughput('kept', 'sessions kept, 10 KiB', 10_000, {});
export const once = throughput('once', 'one message per connection, 10 KiB', 4_000, { perSession: 1 });
export const small = throughput('small', 'sessions kept, 1 KiB', 10_000, { bytes: 1024 });
export const tls = throughput('tls', 'STARTTLS (+ AUTH for Postern), 100 messages per session, 10 KiB', 4_000, {
  startTls: true,
  perSession: 100,
});
// smtp-sink reads byte by byte: at 1 MiB it takes 2.8 CPU-s per 1,000, more than a relay should. Ours takes 0.8.
export const large100k = withOwnSink(throughput('large100k', 'sessions kept, 100 KiB', 2_000, { bytes: 102_400 }));
export const large1m = withOwnSink(throughput('large1m', 'sessions kept, 1 MiB', 200, { bytes: 1_048_576 }));

function throughput(name: string, title: string, messages: number, changes: Partial<LoadPlan>): Scenario {
  return { name, title, messages, columns, run: site => measure(site, planFor(site, changes)) };
}

function withOwnSink(scenario: Scenario): Scenario {
  return { ...scenario, run: site => scenario.run({ ...site, sink: 'own' }) };
}

async function measure(site: Measuring, plan: LoadPlan): Promise<Outcome> {
  const sink = await openSink(site);
  try {
    await warmUp(plan, sink);
    const [{ load, last }, cost] = await costOf(site.relay, () => loadAndArrival(site, plan, sink));
    const figures = {
      acceptedPerSecond: perSecond(load.accepted, (load.acceptedAtMs.at(-1) ?? 0) - load.startedAtMs),
      relayedPerSecond: perSecond(load.accepted, last.atMs - load.startedAtMs),
      ...cpuFigures(cost, load.accepted),
      ...memoryFigures(cost.memory),
      ...(load.acceptMs.length > 0 ? acceptFigures(load) : {}),
    };
    const missing = last.isComplete ? [] : ['not everything arrived: relay/s is void'];
    return { figures, remarks: [...refusalRemarks(load), ...missing] };
  } finally {
    await sink.stop();
  }
}

async function loadAndArrival(site: Measuring, plan: LoadPlan, sink: Sink) {
  const before = sink.received();
  const load: LoadResult = site.generator === 'own' ? await runLoad(plan) : await runSmtpSource(plan);
  return { load, last: await arrival(sink, before + load.accepted) };
}
