// Direct delivery: each recipient's domain has hosts of its own. A message's recipients are grouped by domain, the groups
// go side by side, and every one gets its own result. One domain's trouble is no other's: it does not hold their mail up
// beyond the deadline, and what waits for its turn does not wait here for long.
import { domainToASCII } from 'node:url';
import { domainOf } from '../../src/mail/address.ts';
import type { Envelope, Recipient } from '../../src/mail/envelope.ts';
import { isPermanent } from '../../src/mail/reply.ts';
import type { AttemptReport, AttemptResult, Peer, Upstream } from '../../src/mail/upstream.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { isAbsent, type Resolve } from '../../src/platform/resolver.ts';
import type { DirectMxSettings } from '../../src/platform/upstream-url.ts';
import { Away } from './away.ts';
import { SessionError } from './greeting.ts';
import type { FindStsPolicy } from './mta-sts.ts';
import type { MxDns } from './mx-dns.ts';
import { type MxSessionOptions, openForDomain } from './mx-session.ts';
import { Pacer } from './pacer.ts';
import { Places } from './places.ts';
import { SessionPool, type Signals } from './session-pool.ts';
import type { SessionOptions } from './smtp-session.ts';
import { loadTrust } from './target.ts';

export type DirectMxOptions = Omit<SessionOptions, 'target'> & {
  readonly settings: DirectMxSettings;
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
  readonly #away: Away;
  #closed = false;

  /** Throws when the `ca` file is none. */
  constructor(options: DirectMxOptions) {
    const { settings, dns, hostname, random, findStsPolicy, deadlineMs, clock } = options;
    this.name = settings.name;
    this.#options = options;
    this.#pacer = new Pacer(settings.ratePerSecond);
    this.#places = new Places(settings.connections);
    this.#away = new Away(clock);
    this.#session = {
      ...{ settings, dns, hostname, random, findStsPolicy, away: this.#away },
      session: { ...options, clientName: settings.clientName ?? options.clientName },
      trust: loadTrust(settings.caFile),
      perAddressMs: deadlineMs / 4,
    };
  }

  async attempt(envelope: Envelope, content: readonly Buffer[], signal: AbortSignal): Promise<AttemptReport> {
    const signals = { signal, deadline: AbortSignal.timeout(this.#options.deadlineMs) };
    const results: AttemptResult[] = [];
    const peers: Peer[] = [];
    await sideBySide([...groupByDomain(envelope.recipients)], GROUPS_AT_ONCE, async ([domain, indexes]) => {
      const recipients = indexes.map(index => envelope.recipients[index]!);
      const report = await this.#attemptDomain(domain, { ...envelope, recipients }, content, signals);
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
    for (const pool of this.#pools.values()) pool.close();
    this.#pools.clear();
  }

  /** Another host where one broke off: none of them has the message then. */
  async #attemptDomain(domain: string, envelope: Envelope, content: readonly Buffer[], signals: Signals) {
    for (let host = 1; ; host += 1) {
      const report = await this.#poolOf(domain).attempt(envelope, content, signals);
      const broken = whyBrokenOff(report);
      if (broken !== null) this.#away.note(addressOf(report.remoteAddress!), broken);
      const isOver = signals.signal.aborted || signals.deadline?.aborted;
      if (broken === null || host === MAX_HOSTS_MIDWAY || isOver) return report;
    }
  }

  #poolOf(domain: string): SessionPool {
    const known = this.#pools.get(domain);
    if (known) return known;
    const pool: SessionPool = new SessionPool({
      connections: this.#options.settings.connectionsPerDomain,
      shared: this.#places,
      patienceMs: this.#options.patienceMs ?? PATIENCE_MS,
      open: signal => openForDomain(domain, this.#session, signal),
      turn: signal => this.#pacer.turn(signal),
      mayKeep: () => !this.#closed && this.#kept < this.#options.settings.connections,
      onEmpty: () => this.#pools.delete(domain),
    });
    this.#pools.set(domain, pool);
    return pool;
  }

  get #kept(): number {
    return [...this.#pools.values()].reduce((sum, { kept }) => sum + kept, 0);
  }
}

/** By domain, however it is written: the indexes of its recipients. */
function groupByDomain(recipients: readonly Recipient[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const [index, { address }] of recipients.entries()) {
    const domain = domainOf(address).toLowerCase();
    // What is no domain name is told so by `findHosts`.
    const key = domain.startsWith('[') ? domain : domainToASCII(domain) || domain;
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

/** In the middle of a transaction, and before the last dot; null when that is not what happened. */
function whyBrokenOff({ results, remoteAddress }: AttemptReport): string | null {
  if (remoteAddress === null) return null;
  const whys = results.map(result => {
    if (result.kind === 'unreachable') return result.error;
    return result.kind === 'refused' && result.reply.code === 421 ? `421 ${result.reply.text}` : null;
  });
  return whys.every(why => why !== null) ? whys[0]! : null;
}

/**
 * We have no account there: what would be our own trouble with a smart host ("relaying denied") is the domain's last word
 * about this mail, and what is no last word may be better elsewhere.
 */
function inOwnName(result: AttemptResult): AttemptResult {
  if (result.kind !== 'refused' || result.scope !== 'upstream') return result;
  const isVerdict = ['mail', 'rcpt', 'data', 'content', 'final'].includes(result.stage) && isPermanent(result.reply);
  return { ...result, scope: isVerdict ? 'recipient' : 'network', opens: false };
}

/** `192.0.2.1:25`, `[2001:db8::1]:25` or, through a proxy, with more behind it. */
const addressOf = (remoteAddress: string) => /^\[?(.*?)\]?:\d+/.exec(remoteAddress)?.[1] ?? remoteAddress;
