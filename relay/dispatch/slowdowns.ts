// Which ways are slowed down now: (upstream, recipient domain), or a whole smart host. Learns from the results of attempts,
// says before each attempt whether it may go, and shares what it knows with the other processes through the database: a
// slowing is written at once, those of others are read every two seconds. Without the database each knows its own.
import { formatReply } from '../../src/mail/reply.ts';
import type { AttemptResult, Upstream } from '../../src/mail/upstream.ts';
import { BoundedMap } from '../../src/platform/bounded-map.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import {
  forgetRecovered,
  readSlowdowns,
  recordSlowdown,
  type SharedSlowdown,
  type SlowPair,
} from '../../src/store/slowdowns.ts';
import type { Neighbourhood } from './neighbours.ts';
import { countSent, noneSent, type SentLately, sentPerSecond } from './sent-lately.ts';
import { EMPTY_LINE, type SlowLine, stepUp } from './slow-line.ts';
import { formatRate, freeAt, isFree, RECOVERY_MS, rateAt, type Slowdown, slowed } from './slowdown.ts';

export type SlowdownsOptions = {
  readonly pool: Pool;
  readonly neighbours: Pick<Neighbourhood, 'count'>;
  /** Names of those that this process sends through now. */
  readonly upstreams: () => readonly string[];
  readonly node: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** An attempt that has ended: one domain for each result, folded. */
export type Ended = {
  readonly upstream: Pick<Upstream, 'name' | 'hasManyHosts'>;
  readonly domains: readonly string[];
  readonly results: readonly AttemptResult[];
  readonly begunAt: number;
};

export type Asking = { readonly hasWaited: boolean; readonly isPromised: boolean };
export type Wait = { readonly waitMs: number; readonly reason: string };

type Slow = SlowPair & {
  slowdown: Slowdown;
  line: SlowLine;
  /** As the database has it; null = not yet. */
  version: number | null;
  toldAt: number;
};

type Refusal = AttemptResult & { readonly kind: 'refused' };

const READ_EVERY_MS = 2_000;
/** Rows whose commit was slow are read a second time rather than not at all. */
const OVERLAP_MS = 5_000;
const TELL_EVERY_MS = 60_000;
/** Those that are free are kept for so long, until their row in the database is gone too. */
const KEPT_MS = 10_000;
/** Domains are named by whoever sends mail to them. */
const MOST_SLOW = 1_000;
const MOST_COUNTED = 5_000;
const MAX_REASON = 200;
/** Instead of a domain: all of them. */
const ALL = '*';

export class Slowdowns {
  readonly #options: SlowdownsOptions;
  readonly #slow = new BoundedMap<string, Slow>(MOST_SLOW);
  readonly #sent = new Map<string, { readonly all: SentLately; readonly domains: Map<string, SentLately> }>();
  #timer: NodeJS.Timeout | null = null;
  #working: Promise<void> = Promise.resolve();
  #readAt: number | null = null;
  #hasForgotten = false;

  constructor(options: SlowdownsOptions) {
    this.#options = options;
  }

  /** Resolves when what others have learned is known. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.share(), READ_EVERY_MS);
    await this.share();
    this.#measure();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#working;
  }

  /** Whether nobody is slowed down. */
  get isQuiet(): boolean {
    return this.#slow.size === 0;
  }

  /**
   * Before an attempt: null = go now, which counts; else when to come back, and then with `hasWaited`: the place is kept from
   * those who come for the first time; unless nothing was promised, for whoever goes elsewhere instead. Whoever is to go to
   * several domains at once asks for each.
   */
  turn(upstream: string, domain: string, now: number, comer: Asking): Wait | null {
    if (this.#slow.size > 0) {
      const waits = this.#stepUp([this.#find(upstream, domain, now), this.#find(upstream, ALL, now)], now, comer);
      if (waits) return waits;
    }
    this.#count(upstream, domain, now);
    return null;
  }

  /** How it is slowed at present, without taking a turn; null = it is not. */
  peek(upstream: string, domain: string, now: number): string | null {
    if (this.#slow.size === 0) return null;
    const slow = this.#find(upstream, domain, now) ?? this.#find(upstream, ALL, now);
    return slow && describe(slow, now);
  }

  /** After an attempt. */
  learn({ upstream, domains, results, begunAt }: Ended, now: number): void {
    if (!results.some(isSlowing)) return;
    const refusals = new Map<string, Refusal>();
    for (const [index, result] of results.entries()) {
      if (!isSlowing(result)) continue;
      // A smart host that speaks of itself means all mail; what is behind `mx://` speaks for its own domain.
      const isItself = result.scope === 'upstream' && !upstream.hasManyHosts;
      refusals.set(isItself ? ALL : domains[index]!, result);
    }
    for (const [domain, refusal] of refusals)
      this.#slowDown({ upstream: upstream.name, domain }, refusal, begunAt, now);
  }

  /** Reads what others have learned and forgets what is over. Never throws. */
  share(): Promise<void> {
    return this.#afterwards(async () => {
      await this.#read();
      await this.#forget();
    });
  }

  // ── turns ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Only where all of them say go is a turn taken at any. */
  #stepUp(pairs: readonly (Slow | null)[], now: number, { hasWaited, isPromised }: Asking): Wait | null {
    const comer = { hasWaited, sharers: this.#options.neighbours.count };
    const going: [Slow, SlowLine][] = [];
    for (const slow of pairs) {
      if (slow === null) continue;
      const { line, waitMs } = stepUp(slow.line, slow.slowdown, comer, now);
      if (waitMs !== null) {
        if (isPromised) slow.line = line;
        return { waitMs, reason: describe(slow, now) };
      }
      going.push([slow, line]);
    }
    for (const [slow, line] of going) slow.line = line;
    return null;
  }

  #find(upstream: string, domain: string, now: number): Slow | null {
    const slow = this.#slow.get(keyOf(upstream, domain));
    return slow && !isFree(slow.slowdown, now) ? slow : null;
  }

  #count(upstream: string, domain: string, now: number): void {
    let sent = this.#sent.get(upstream);
    if (!sent) {
      sent = { all: noneSent(now), domains: new BoundedMap(MOST_COUNTED) };
      this.#sent.set(upstream, sent);
    }
    countSent(sent.all, now);
    const known = sent.domains.get(domain);
    if (known) return countSent(known, now);
    const counted = noneSent(now);
    sent.domains.set(domain, counted);
    countSent(counted, now);
  }

  /** By all processes, as if all were as busy. */
  #sentPerSecond({ upstream, domain }: SlowPair, now: number): number {
    const sent = this.#sent.get(upstream);
    const counted = domain === ALL ? sent?.all : sent?.domains.get(domain);
    return counted ? sentPerSecond(counted, now) * this.#options.neighbours.count : 0;
  }

  // ── slowing down, and recovering ──────────────────────────────────────────────────────────────────────────────

  #slowDown(pair: SlowPair, refusal: Refusal, begunAt: number, now: number): void {
    const key = keyOf(pair.upstream, pair.domain);
    const known = this.#slow.get(key) ?? null;
    const reason = formatReply(refusal.reply).slice(0, MAX_REASON).toWellFormed();
    const slowing = { sentPerSecond: this.#sentPerSecond(pair, now), begunAt, reason };
    const slowdown = slowed(known?.slowdown ?? null, slowing, now);
    if (slowdown === null) return;
    const isNew = known === null || isFree(known.slowdown, now);
    const fresh = { ...pair, line: EMPTY_LINE, toldAt: 0 };
    const slow: Slow = { ...(isNew ? fresh : known), slowdown, version: null };
    this.#slow.set(key, slow);
    this.#measure();
    if (isNew || now - slow.toldAt >= TELL_EVERY_MS) {
      slow.toldAt = now;
      this.#options.log.warn(
        { event: 'pair-slowed', ...pair, ratePerSecond: slowdown.rate, reason, rule: refusal.rule },
        'slowed down',
      );
    }
    void this.#afterwards(() => this.#write(slow, slowdown, now));
  }

  async #write(slow: Slow, slowdown: Slowdown, now: number): Promise<void> {
    const { pool, node } = this.#options;
    const { upstream, domain } = slow;
    const { rate, ceiling, reason } = slowdown;
    const freeInMs = freeAt(slowdown) - now;
    const version = await recordSlowdown(pool, { upstream, domain, rate, ceiling, reason, freeInMs, node });
    if (version !== null && slow.slowdown === slowdown) slow.version = version;
  }

  async #read(): Promise<void> {
    const { pool, clock } = this.#options;
    const readAt = clock();
    const withinMs = this.#readAt === null ? RECOVERY_MS : readAt - this.#readAt + OVERLAP_MS;
    const shared = await readSlowdowns(pool, withinMs);
    this.#readAt = readAt;
    for (const one of shared) this.#adopt(one, clock());
    if (shared.length > 0) this.#measure();
  }

  /** What the database has is what all go by; unless it is older than what was learned here and is still to be written. */
  #adopt({ upstream, domain, version, slowedAgoMs, sinceAgoMs, rate, ceiling, reason }: SharedSlowdown, now: number) {
    const key = keyOf(upstream, domain);
    const known = this.#slow.get(key);
    const slowdown = { rate, ceiling, reason, slowedAt: now - slowedAgoMs, since: now - sinceAgoMs };
    const isOlder = known !== undefined && slowdown.slowedAt < known.slowdown.slowedAt - 500;
    if (known?.version === version || isOlder) return;
    const slow: Slow = known ?? { upstream, domain, slowdown, line: EMPTY_LINE, version, toldAt: now };
    Object.assign(slow, { slowdown, version });
    this.#slow.set(key, slow);
  }

  async #forget(): Promise<void> {
    const { pool, clock, node, log } = this.#options;
    const now = clock();
    const free = [...this.#slow].filter(([, { slowdown }]) => isFree(slowdown, now));
    // What is over was told by nobody where no process was there.
    if (free.length === 0 && this.#hasForgotten) return;
    this.#measure();
    for (const { upstream, domain } of await forgetRecovered(pool, node)) {
      log.info({ event: 'pair-recovered', upstream, domain }, 'as fast as ever');
    }
    this.#hasForgotten = true;
    for (const [key, { slowdown }] of free) if (now - freeAt(slowdown) >= KEPT_MS) this.#slow.delete(key);
  }

  #measure(): void {
    const { metrics, upstreams, clock } = this.#options;
    const now = clock();
    const slow = [...this.#slow.values()].filter(({ slowdown }) => !isFree(slowdown, now));
    // Upstreams come and go with the settings.
    metrics.slowedPairs.reset();
    for (const name of upstreams()) {
      metrics.slowedPairs.set({ upstream: name }, slow.filter(({ upstream }) => upstream === name).length);
    }
  }

  /** One after the other. While the database is away, what happened is known here only. */
  #afterwards(work: () => Promise<void>): Promise<void> {
    this.#working = this.#working
      .then(work)
      .catch(error => this.#options.log.debug({ err: error }, 'slow pairs not shared'));
    return this.#working;
  }
}

/** Whether it asks for less. */
export function isSlowing(result: AttemptResult): result is Refusal {
  return result.kind === 'refused' && result.slows;
}

function keyOf(upstream: string, domain: string): string {
  return `${upstream} ${domain}`;
}

/** `slowed to 0.5/s for gmail.com at mx since 12:03 UTC (421 4.7.28 …)` */
function describe({ upstream, domain, slowdown }: Slow, now: number): string {
  const to = domain === ALL ? '' : ` for ${domain}`;
  const since = new Date(slowdown.since).toISOString().slice(11, 16);
  return `slowed to ${formatRate(rateAt(slowdown, now))}${to} at ${upstream} since ${since} UTC (${slowdown.reason})`;
}
