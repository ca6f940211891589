// Direct delivery: each recipient's domain has hosts of its own. A message's recipients are grouped by domain, the groups
// go side by side, and every one gets its own result. One domain's trouble is no other's: it does not hold their mail up
// beyond the deadline, and what waits for its turn does not wait here for long.
import { domainOf, foldDomain } from '../../src/mail/address.ts';
import type { Envelope, Recipient } from '../../src/mail/envelope.ts';
import type { AttemptReport, AttemptResult, Peer, Upstream } from '../../src/mail/upstream.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { isAbsent, type Resolve } from '../../src/platform/resolver.ts';
import type { DirectMxSettings } from '../../src/platform/upstream-url.ts';
import { judgedAsOwnHost } from '../faults/own-host.ts';
import { Away } from './away.ts';
import { SessionError } from './greeting.ts';
import type { FindStsPolicy } from './mta-sts.ts';
import type { MxDns } from './mx-dns.ts';
import { type MxSessionOptions, openForDomain } from './mx-session.ts';
import { Pacer, type SharedPace } from './pacer.ts';
import { Places, shareOf } from './places.ts';
import { type Limits, SessionPool } from './session-pool.ts';
import type { SessionOptions } from './smtp-session.ts';
import { loadTrust } from './target.ts';

export type DirectMxOptions = Omit<SessionOptions, 'target'> & {
  readonly settings: DirectMxSettings;
  readonly pace?: SharedPace | undefined;
  readonly dns: MxDns;
  /** To feel out whether the DNS answers. */
  readonly resolve: Resolve;
  readonly findStsPolicy: FindStsPolicy;
  /** Ours. */
  readonly hostname: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Of one attempt, until the last dot. */
  readonly deadlineMs: number;
  readonly patienceMs?: number;
};

/** Of one message: more wait for those before them. */
const GROUPS_AT_ONCE = 20;
/** Mail that waits longer for its domain's turn goes back to the queue: others could use the dispatcher's time. */
const PATIENCE_MS = 15_000;
/** Hosts that fail in the middle of a transaction, before another attempt is called for. */
const MAX_HOSTS_MIDWAY = 3;

export class MxUpstream implements Upstream {
  readonly name: string;
  readonly hasManyHosts = true;
  readonly #options: DirectMxOptions;
  readonly #session: MxSessionOptions;
  readonly #pacer: Pacer;
  readonly #places: Places;
  readonly #pools = new Map<string, SessionPool>();
  readonly #leaveNeighbours: (() => void) | undefined;
  #closed = false;

  /** Throws when the `ca` file is none. */
  constructor(options: DirectMxOptions) {
    const { settings, dns, hostname, random, findStsPolicy, deadlineMs, clock } = options;
    this.name = settings.name;
    this.#options = options;
    this.#pacer = new Pacer(settings, options.pace);
    this.#places = new Places(this.#shareOf(settings.connections));
    this.#leaveNeighbours = options.pace?.neighbours.onChange(() => this.#share());
    this.#session = {
      ...{ settings, dns, hostname, random, findStsPolicy, away: new Away(clock) },
      session: { ...options, clientName: settings.clientName ?? options.clientName },
      trust: loadTrust(settings.caFile),
      perAddressMs: deadlineMs / 4,
    };
  }

  notNow(now: number) {
    return this.#pacer.notNow(now);
  }

  async attempt(envelope: Envelope, content: readonly Buffer[], signal: AbortSignal): Promise<AttemptReport> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#options.deadlineMs);
    try {
      return await this.#attemptAll(envelope, content, { signal, deadline: deadline.signal });
    } finally {
      clearTimeout(timer);
    }
  }

  async #attemptAll(envelope: Envelope, content: readonly Buffer[], limits: Limits): Promise<AttemptReport> {
    const results: AttemptResult[] = [];
    const peers: Peer[] = [];
    await sideBySide([...groupByDomain(envelope.recipients)], GROUPS_AT_ONCE, async ([domain, indexes]) => {
      const recipients = indexes.map(index => envelope.recipients[index]!);
      const report = await this.#attemptDomain(domain, { ...envelope, recipients }, content, limits);
      indexes.forEach((index, i) => {
        results[index] = inOwnName(report.results[i]!);
        peers[index] = { remoteAddress: report.remoteAddress, tls: report.tls };
      });
    });
    return { results, peers, ...peers[0]! };
  }

  /** Whether the DNS answers: which hosts there will be, only mail tells. */
  async probe(signal: AbortSignal): Promise<{ remoteAddress: null; tls: null }> {
    await this.#options.resolve('.', 'NS', signal).catch(error => {
      if (!isAbsent(error)) throw new SessionError('connect', error as Error);
    });
    return { remoteAddress: null, tls: null };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#leaveNeighbours?.();
    for (const pool of this.#pools.values()) pool.close();
    this.#pools.clear();
  }

  /** Another host where one broke off: none of them has the message then. It may be the message's fault, not the host's. */
  async #attemptDomain(domain: string, envelope: Envelope, content: readonly Buffer[], limits: Limits) {
    const avoid = new Set<string>();
    const send = () => this.#poolOf(domain).attempt(envelope, content, { ...limits, avoid });
    let report = await send();
    for (let host = 1; host < MAX_HOSTS_MIDWAY && hasBrokenOff(report); host += 1) {
      if (limits.signal.aborted || limits.deadline?.aborted) return report;
      avoid.add(addressOf(report.remoteAddress!));
      const next = await send();
      // Nobody else could be talked to: what the last one did says more.
      if (next.remoteAddress === null) return report;
      report = next;
    }
    return report;
  }

  #poolOf(domain: string): SessionPool {
    const known = this.#pools.get(domain);
    if (known) return known;
    const pool: SessionPool = new SessionPool({
      connections: this.#shareOf(this.#options.settings.connectionsPerDomain),
      shared: this.#places,
      patienceMs: this.#options.patienceMs ?? PATIENCE_MS,
      open: (signal, avoid) => openForDomain(domain, this.#session, signal, avoid),
      turn: signal => this.#pacer.turn(signal),
      mayKeep: () => !this.#closed && this.#kept < this.#shareOf(this.#options.settings.connections),
      onEmpty: () => this.#pools.delete(domain),
    });
    this.#pools.set(domain, pool);
    return pool;
  }

  /** Other processes have come or gone. */
  #share(): void {
    const { connections, connectionsPerDomain } = this.#options.settings;
    this.#places.resize(this.#shareOf(connections));
    for (const pool of this.#pools.values()) pool.resize(this.#shareOf(connectionsPerDomain));
  }

  #shareOf(connections: number): number {
    return shareOf(connections, this.#options.pace?.neighbours.count ?? 1);
  }

  get #kept(): number {
    return [...this.#pools.values()].reduce((sum, { kept }) => sum + kept, 0);
  }
}

/** By domain, however it is written: the indexes of its recipients. */
function groupByDomain(recipients: readonly Recipient[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const [index, { address }] of recipients.entries()) {
    // What is no domain name is told so by `findHosts`.
    const key = foldDomain(domainOf(address));
    groups.set(key, [...(groups.get(key) ?? []), index]);
  }
  return groups;
}

async function sideBySide<T>(items: readonly T[], lanes: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const lane = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
}

/** In the middle of a transaction, and before the last dot. */
function hasBrokenOff({ results, remoteAddress }: AttemptReport): boolean {
  if (remoteAddress === null) return false;
  return results.every(
    result => result.kind === 'unreachable' || (result.kind === 'refused' && result.reply.code === 421),
  );
}

function inOwnName(result: AttemptResult): AttemptResult {
  if (result.kind !== 'refused') return result;
  const { kind, stage, reply, ...verdict } = result;
  return { kind, stage, reply, ...judgedAsOwnHost(stage, reply, verdict) };
}

/** `192.0.2.1:25`, `[2001:db8::1]:25` or, through a proxy, with more behind it. */
const addressOf = (remoteAddress: string) => /^\[?(.*?)\]?:\d+/.exec(remoteAddress)?.[1] ?? remoteAddress;
