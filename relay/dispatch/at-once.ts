// How many messages may be under way at the same time, of a credential, tenant or stream, or to a domain
// (`quota set --at-once`). What is beyond that waits in the database, out of the way of everybody else's mail, and is called
// as soon as there is room. The dispatchers that there are share each number.
import type { Kysely } from 'kysely';
import { describeQuota } from '../../src/mail/quota.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import { BUSY, BUSY_QUOTA } from '../../src/store/deliveries.ts';
import { type AtOnceQuota, listAtOnceQuotas } from '../../src/store/quotas.ts';
import type { Database } from '../../src/store/schema.ts';
import { type MessageFacts, recipientDomain } from '../routing/match.ts';
import { shareOf } from '../upstreams/places.ts';
import type { Neighbourhood } from './neighbours.ts';
import type { Turn } from './progress.ts';
import { SentAway } from './sent-away.ts';
import { UnderWay } from './under-way.ts';
import type { Work } from './work.ts';

export type AtOnceOptions = {
  readonly db: Kysely<Database>;
  readonly neighbours: Pick<Neighbourhood, 'count'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** There is room, or there are other limits: what waits here may begin, and what waits in the database may come. */
  readonly onRoom: () => void;
};

/** Whoever waits in the database for room, by the name that it waits for, and how many may come. */
export type Call = { readonly name: string; readonly room: number; readonly sentAway: SentAway };

type Limit = {
  quota: AtOnceQuota;
  readonly sentAway: SentAway;
  readonly underWay: UnderWay;
  /** Under way, and waiting in memory for that. */
  inHand: number;
};

const READ_EVERY_MS = 2_000;
/** As many again wait in memory: whoever ends must not leave a gap until the database has answered. */
const MIN_IN_HAND = 10;
const MOST_CALLED = 1_000;

export class AtOnce {
  readonly #options: AtOnceOptions;
  #limits: ReadonlyMap<number, Limit> = new Map();
  /** Of what is in hand, the limits that it falls under, where there are any. */
  readonly #limitsOf = new Map<Work, readonly Limit[]>();
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: AtOnceOptions) {
    this.#options = options;
  }

  /** Resolves when the limits were read for the first time. */
  async start(): Promise<void> {
    await this.#read();
    this.#timer = setInterval(() => {
      this.#reading = this.#readAgain();
    }, READ_EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#reading;
  }

  /** Whether some recipients would wait for room that others do not need. */
  divides(message: MessageFacts, domains: readonly string[]): boolean {
    return domains.length > 1 && this.#limitsFor(message, domains).some(({ quota }) => quota.recipientDomain !== null);
  }

  /** For messages that get their places one after the other: those who have one count for the next. */
  placing(): (message: MessageFacts, domains: readonly string[]) => Turn | null {
    const placed = new Map<Limit, number>();
    return (message, domains) => {
      const limits = this.#limitsFor(message, domains);
      const full = limits.find(limit => limit.inHand + (placed.get(limit) ?? 0) >= this.#mostInHand(limit));
      if (full) return this.#turnAt(full);
      for (const limit of limits) placed.set(limit, (placed.get(limit) ?? 0) + 1);
      return null;
    };
  }

  /** It waits in memory from now on. */
  enter(work: Work): void {
    if (this.#limits.size === 0) return;
    const domains = work.envelope.recipients.map(({ address }) => recipientDomain(address));
    const limits = this.#limitsFor(work.message, domains);
    if (limits.length === 0) return;
    this.#limitsOf.set(work, limits);
    for (const limit of limits) limit.inHand += 1;
  }

  readonly mayBegin = (work: Work): boolean => {
    const limits = this.#limitsOf.get(work);
    return limits === undefined || limits.every(limit => limit.underWay.size < this.#share(limit));
  };

  /** Whether its recipients go one after the other: side by side they would be more than one. */
  readonly isLimited = (work: Work): boolean => this.#limitsOf.has(work);

  begin(work: Work): void {
    const now = this.#options.clock();
    for (const { underWay } of this.#limitsOf.get(work) ?? []) underWay.begin(work, now);
  }

  /** Begun or not. Returns whether others may have waited for that. */
  leave(work: Work): boolean {
    const limits = this.#limitsOf.get(work);
    if (limits === undefined) return false;
    this.#limitsOf.delete(work);
    const now = this.#options.clock();
    for (const limit of limits) {
      limit.inHand -= 1;
      limit.underWay.end(work, now);
    }
    return true;
  }

  /** As with `SentAway`. */
  recall(): void {
    for (const { sentAway } of this.#limits.values()) sentAway.recall();
  }

  /** Those for whom there is room again. */
  calls(): Call[] {
    const limits = [...this.#limits.values()].filter(({ sentAway }) => sentAway.some);
    const room = (limit: Limit) => Math.min(MOST_CALLED, this.#mostInHand(limit) - limit.inHand);
    return limits
      .filter(limit => limit.inHand <= this.#mostInHand(limit) / 2)
      .map(limit => ({ name: nameOf(limit), room: room(limit), sentAway: limit.sentAway }));
  }

  // ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────

  #limitsFor(message: MessageFacts, domains: readonly string[]): readonly Limit[] {
    if (this.#limits.size === 0) return [];
    return [...this.#limits.values()].filter(({ quota }) => covers(quota, message, domains));
  }

  #share({ quota }: Limit): number {
    return shareOf(quota.limit, this.#options.neighbours.count);
  }

  #mostInHand(limit: Limit): number {
    return Math.max(MIN_IN_HAND, 2 * this.#share(limit));
  }

  #turnAt(limit: Limit): Turn {
    const now = this.#options.clock();
    const eachMs = limit.underWay.durationMs(now) / this.#share(limit);
    const dueInMs = limit.sentAway.sendAway(eachMs, limit.inHand * eachMs, now);
    return { dueInMs, waitsFor: `${BUSY}${nameOf(limit)}`, reason: `at-once: ${describeQuota(limit.quota)}` };
  }

  /** What is in hand stays under the limits that it came under. One that is gone lets all go, and then goes too. */
  async #read(): Promise<void> {
    const quotas = await listAtOnceQuotas(this.#options.db);
    const limits = new Map(quotas.map(quota => [quota.quotaId, this.#adopt(quota)]));
    for (const [quotaId, limit] of this.#limits) {
      if (limits.has(quotaId) || (limit.inHand === 0 && !limit.sentAway.some)) continue;
      limit.quota = { ...limit.quota, limit: Number.MAX_SAFE_INTEGER };
      limits.set(quotaId, limit);
    }
    this.#limits = limits;
  }

  /** While the database is away, the last limits hold. */
  async #readAgain(): Promise<void> {
    try {
      await this.#read();
      if (this.#limits.size > 0) this.#options.onRoom();
    } catch (err) {
      this.#options.log.debug({ err }, 'limits not read');
    }
  }

  #adopt(quota: AtOnceQuota): Limit {
    const limit = this.#limits.get(quota.quotaId);
    if (!limit) return { quota, sentAway: new SentAway(), underWay: new UnderWay(), inHand: 0 };
    limit.quota = quota;
    return limit;
  }
}

function covers(quota: AtOnceQuota, message: MessageFacts, domains: readonly string[]): boolean {
  const { credential, tenantId, stream, recipientDomain: domain } = quota;
  return (
    (credential === null || credential === message.credentialName) &&
    (tenantId === null || tenantId === message.tenantId) &&
    (stream === null || stream === message.stream) &&
    (domain === null || domains.includes(domain))
  );
}

function nameOf({ quota }: Limit): string {
  return `${BUSY_QUOTA}${quota.quotaId}`;
}
