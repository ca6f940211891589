// What a scenario is given, and the measuring that they share.
import { type LoadPlan, type LoadResult, runLoad } from '../load.ts';
import { type Memory, watchMemory } from '../memory-watch.ts';
import type { Figures, MetricName } from '../metrics.ts';
import { cpuSeconds, cpuSecondsOf } from '../process-tree.ts';
import type { Environment } from '../relays/postern.ts';
import type { Relay, RunningRelay } from '../relays/relay.ts';
import { type Sink, startSink } from '../sink.ts';
import { startSmtpSink } from '../smtp-sink.ts';
import { percentile } from '../statistics.ts';
import { waitUntil } from '../workspace.ts';

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** What --messages replaces. */
  readonly messages: number;
  /** The columns of its table, from left to right. */
  readonly columns: readonly MetricName[];
  /** Instead of the relays of the command line: Postern in the ways that are compared here, the one in question first. */
  readonly contestants?: (settings: Environment) => readonly Relay[];
  /** Runs on a relay with an empty queue, just started. */
  run(site: Measuring): Promise<Outcome>;
}

export interface Measuring {
  readonly relay: RunningRelay;
  /** The port on which the relay expects its upstream; whoever measures opens it. */
  readonly upstreamPort: number;
  /** For the measuring programs' own files. */
  readonly directory: string;
  readonly messages: number;
  readonly generator: 'own' | 'smtp-source';
  readonly sink: 'own' | 'smtp-sink';
  readonly isPipelined: boolean;
}

export interface Outcome {
  readonly figures: Figures;
  /** What a reader must know before believing the figures: refusals, messages that never came. */
  readonly remarks: readonly string[];
}

export interface Cost {
  readonly cpuSeconds: number;
  /** PostgreSQL's part of it, 0 for a relay that has none; the same of Redis. */
  readonly postgresSeconds: number;
  readonly redisSeconds: number;
  readonly memory: Memory;
}

/** A relay that delivers nothing for so long is not going to. */
const STALLED_AFTER_MS = 20_000;
export const MEGABYTE = 1024 * 1024;

/** A plan for this relay: 20 kept sessions, 10 KiB, one recipient, no TLS, unless said otherwise. */
export function planFor(site: Measuring, changes: Partial<LoadPlan>): LoadPlan {
  return {
    port: site.relay.smtpPort,
    login: site.relay.login,
    startTls: false,
    messages: site.messages,
    firstNumber: 1,
    bytes: 10 * 1024,
    recipients: 1,
    sessions: 20,
    perSession: Number.POSITIVE_INFINITY,
    isPipelined: site.isPipelined,
    ...changes,
  };
}

export function openSink(site: Measuring): Promise<Sink> {
  return site.sink === 'own' ? startSink(site.upstreamPort) : startSmtpSink(site.upstreamPort, site.directory);
}

/** Brings connections, caches and the just-in-time compiler to working temperature, and waits until all has arrived. */
export async function warmUp(plan: LoadPlan, sink: Sink): Promise<void> {
  const messages = Math.min(1_000, Math.ceil(plan.messages / 4));
  const { accepted } = await runLoad({ ...plan, messages, firstNumber: 800_000_000 });
  await arrival(sink, accepted);
}

/** What the relay spends while the work is done. */
export async function costOf<Result>(relay: RunningRelay, work: () => Promise<Result>): Promise<[Result, Cost]> {
  const endWatch = watchMemory(relay.tree);
  const before = cpuNow(relay);
  const result = await work();
  const after = cpuNow(relay);
  const spent = {
    cpuSeconds: after.all - before.all,
    postgresSeconds: after.postgres - before.postgres,
    redisSeconds: after.redis - before.redis,
  };
  return [result, { ...spent, memory: await endWatch() }];
}

function cpuNow({ tree }: RunningRelay) {
  return { all: cpuSeconds(tree), postgres: cpuSecondsOf(tree, 'postgres'), redis: cpuSecondsOf(tree, 'redis') };
}

/** CPU for 1,000 messages, and how much of it other programs than the relay's own took. */
export function cpuFigures({ cpuSeconds, postgresSeconds, redisSeconds }: Cost, messages: number): Figures {
  const per1k = (seconds: number) => (seconds * 1000) / messages;
  return {
    cpuPer1k: per1k(cpuSeconds),
    ...(postgresSeconds > 0 ? { postgresCpuPer1k: per1k(postgresSeconds) } : {}),
    ...(redisSeconds > 0 ? { redisCpuPer1k: per1k(redisSeconds) } : {}),
  };
}

/** Resolves once the sink has so many, or none has come for long. Answers when it saw the last one. */
export async function arrival(sink: Sink, total: number): Promise<{ isComplete: boolean; atMs: number }> {
  let lastCount = sink.received();
  let lastChangeMs = performance.now();
  const hasStalled = () => performance.now() - lastChangeMs > STALLED_AFTER_MS;
  const look = () => {
    const count = sink.received();
    if (count !== lastCount) lastChangeMs = performance.now();
    lastCount = count;
    return count >= total || hasStalled();
  };
  await waitUntil(look, Number.POSITIVE_INFINITY, 5);
  return { isComplete: lastCount >= total, atMs: lastChangeMs };
}

export function perSecond(count: number, durationMs: number): number {
  return (count * 1000) / durationMs;
}

export function memoryFigures(memory: Memory): Figures {
  const node = memory.nodeBytes > 0 ? { nodePssMb: memory.nodeBytes / MEGABYTE } : {};
  return { pssMb: memory.treeBytes / MEGABYTE, ...node };
}

export function acceptFigures(result: LoadResult): Figures {
  return { acceptP50Ms: percentile(result.acceptMs, 0.5), acceptP99Ms: percentile(result.acceptMs, 0.99) };
}

export function refusalRemarks(result: LoadResult): string[] {
  return result.refused === 0 ? [] : [`${result.refused} not accepted, the first: ${result.firstRefusal}`];
}
