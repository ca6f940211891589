// A quiet day: 100 messages a second over 10 kept sessions. How long until the application has its 250, and how long
// until the message has left the house? Both count from the moment when MAIL is sent.
import { runLoad } from '../load.ts';
import { startSink } from '../sink.ts';
import { percentile } from '../statistics.ts';
import {
  acceptFigures,
  arrival,
  costOf,
  cpuFigures,
  type Measuring,
  memoryFigures,
  type Outcome,
  planFor,
  refusalRemarks,
  type Scenario,
  warmUp,
} from './scenario.ts';

export const light: Scenario = {
  name: 'light',
  title: 'latency at 100 messages/s over 10 kept sessions, 10 KiB',
  messages: 2_000,
  columns: ['acceptP50Ms', 'acceptP99Ms', 'arriveP50Ms', 'arriveP99Ms', 'cpuPer1k', 'pssMb', 'nodePssMb'],
  run: measureLatency,
};

export async function measureLatency(site: Measuring): Promise<Outcome> {
  const begunAtMs = new Map<number, number>();
  const arriveMs: number[] = [];
  const sink = await startSink(site.upstreamPort, ({ number, atMs }) => {
    const begun = begunAtMs.get(number);
    if (begun !== undefined) arriveMs.push(atMs - begun);
  });
  const plan = planFor(site, { sessions: 10 });
  try {
    // Warmed up at full speed: at 100/s a just-in-time compiler needs minutes.
    await warmUp(plan, sink);
    const before = sink.received();
    const onBegun = (number: number, atMs: number) => begunAtMs.set(number, atMs);
    const [load, cost] = await costOf(site.relay, () => runLoad({ ...plan, ratePerSecond: 100, onBegun }));
    const { isComplete } = await arrival(sink, before + load.accepted);
    const figures = {
      ...acceptFigures(load),
      arriveP50Ms: percentile(arriveMs, 0.5),
      arriveP99Ms: percentile(arriveMs, 0.99),
      ...cpuFigures(cost, load.accepted),
      ...memoryFigures(cost.memory),
    };
    const missing = isComplete ? [] : [`${load.accepted - arriveMs.length} never arrived`];
    return { figures, remarks: [...refusalRemarks(load), ...missing] };
  } finally {
    await sink.stop();
  }
}
