// The upstream is down: connections are refused while 50,000 messages are accepted. Then it comes back, while fresh
// mail keeps coming. Does accepting get slower as the queue grows, does memory grow with it, and does fresh mail have
// to wait for the old?
import { runLoad } from '../load.ts';
import { memoryNow } from '../memory-watch.ts';
import type { Figures } from '../metrics.ts';
import { type Arrival, startSink } from '../sink.ts';
import { waitUntil } from '../workspace.ts';
import {
  costOf,
  MEGABYTE,
  type Measuring,
  type Outcome,
  perSecond,
  planFor,
  refusalRemarks,
  type Scenario,
} from './scenario.ts';

const FIRST_FRESH = 500_000_000;
const FRESH_PER_SECOND = 20;
/** Postfix may leave a dead upstream alone for 300 s, and ours tries again after a minute. */
const DRAINED_WITHIN_MS = 420_000;

export const deferred: Scenario = {
  name: 'deferred',
  title: 'accepted while the upstream refuses connections, then it comes back; fresh mail beside the drain; 10 KiB',
  messages: 50_000,
  columns: [
    'acceptedPerSecondFirst',
    'acceptedPerSecondLast',
    'cpuPer1k',
    'pssEmptyMb',
    'pssFullMb',
    'growthKb',
    'firstFreshMs',
    'drainedPerSecond',
    'drainSeconds',
  ],
  run: measure,
};

async function measure(site: Measuring): Promise<Outcome> {
  const warm = await runLoad(planFor(site, { messages: 200, firstNumber: 800_000_000 }));
  const empty = memoryNow(site.relay.tree).treeBytes;
  const [load, cost] = await costOf(site.relay, () => runLoad(planFor(site, {})));
  const full = memoryNow(site.relay.tree).treeBytes;
  const figures: Figures = {
    acceptedPerSecondFirst: rateOf(load.acceptedAtMs.slice(0, Math.ceil(load.accepted / 10))),
    acceptedPerSecondLast: rateOf(load.acceptedAtMs.slice(-Math.ceil(load.accepted / 10))),
    cpuPer1k: (cost.cpuSeconds * 1000) / load.accepted,
    pssEmptyMb: empty / MEGABYTE,
    pssFullMb: full / MEGABYTE,
    growthKb: (full - empty) / 1024 / load.accepted,
  };
  const drain = await measureDrain(site, warm.accepted + load.accepted);
  return { figures: { ...figures, ...drain.figures }, remarks: [...refusalRemarks(load), ...drain.remarks] };
}

async function measureDrain(site: Measuring, waiting: number): Promise<Outcome> {
  const old: Arrival[] = [];
  const fresh: Arrival[] = [];
  const backAtMs = performance.now();
  const sink = await startSink(site.upstreamPort, arrived =>
    (arrived.number >= FIRST_FRESH && arrived.number < 800_000_000 ? fresh : old).push(arrived),
  );
  const stop = new AbortController();
  const sending = keepSending(site, stop.signal);
  try {
    const isDrained = await waitUntil(() => old.length >= waiting && fresh.length > 0, DRAINED_WITHIN_MS);
    const figures: Figures = fresh[0] ? { firstFreshMs: fresh[0].atMs - backAtMs } : {};
    stop.abort();
    const remarks = await sending;
    if (!isDrained) return { figures, remarks: [...remarks, notDrained(waiting - old.length, waiting)] };
    const [first, last] = [old[0]!.atMs, old.at(-1)!.atMs];
    // The rate of the drain itself; how long one waited for it to begin is in the seconds since the upstream is back.
    const drained = { drainedPerSecond: perSecond(old.length, last - first), drainSeconds: (last - backAtMs) / 1000 };
    return { figures: { ...figures, ...drained }, remarks };
  } finally {
    stop.abort();
    await sink.stop();
  }
}

/** Fresh mail, a little at a time, until told to stop. Never throws; answers with what went wrong. */
async function keepSending(site: Measuring, signal: AbortSignal): Promise<string[]> {
  const remarks: string[] = [];
  for (let number = FIRST_FRESH; !signal.aborted; number += FRESH_PER_SECOND) {
    const load = { firstNumber: number, messages: FRESH_PER_SECOND, ratePerSecond: FRESH_PER_SECOND, sessions: 2 };
    remarks.push(...refusalRemarks(await runLoad(planFor(site, load))).map(remark => `fresh mail: ${remark}`));
  }
  return remarks;
}

function notDrained(left: number, waiting: number): string {
  return `${left} of ${waiting} still waiting ${DRAINED_WITHIN_MS / 1000} s after the upstream came back`;
}

function rateOf(atMs: readonly number[]): number {
  return perSecond(atMs.length - 1, atMs.at(-1)! - atMs[0]!);
}
