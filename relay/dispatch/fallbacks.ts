// Which routes run on their fallback, as this process shows it: in log and metrics. What is so is decided with each change
// of a circuit, for all processes (src/store/fallbacks.ts); here is counted what goes there.
import { isDeepStrictEqual } from 'node:util';
import { type Fallback, type FallbackRoute, runningOnFallback } from '../../src/mail/fallback.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import type { RouteRule } from '../../src/platform/route-rules.ts';
import type { CircuitState } from '../../src/store/circuits.ts';
import {
  countFallbackDeliveries,
  type FallbackChange,
  readFallbacks,
  settleFallbacks,
} from '../../src/store/fallbacks.ts';
import type { Connection } from '../../src/store/transaction.ts';

export type FallbacksOptions = { readonly log: Logger; readonly metrics: Metrics };

export class Fallbacks {
  readonly #options: FallbacksOptions;
  #routes: readonly FallbackRoute[] = [];
  #firstGroups: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  /** Not written down yet, by route. */
  readonly #counted = new Map<string, number>();
  /** The open circuits that were looked at last; null = with other rules. */
  #lookedAt: string | null = null;

  constructor(options: FallbacksOptions) {
    this.#options = options;
  }

  /** The rules that hold now. */
  set rules(rules: readonly RouteRule[]) {
    this.#routes = rules.map(({ name, to }) => ({ name, groups: to.map(group => group.map(one => one.upstream)) }));
    const withFallback = this.#routes.filter(({ groups }) => groups.length > 1);
    this.#firstGroups = new Map(withFallback.map(({ name, groups }) => [name, new Set(groups[0])]));
    this.#lookedAt = null;
  }

  /** An upstream took a delivery of the route. */
  delivered(route: string, upstream: string): void {
    const first = this.#firstGroups.get(route);
    if (first === undefined || first.has(upstream)) return;
    this.#options.metrics.fallbackDeliveries.inc({ route, upstream });
    this.#counted.set(route, (this.#counted.get(route) ?? 0) + 1);
  }

  async writeCounts(connection: Connection): Promise<void> {
    const counted = new Map(this.#counted);
    await countFallbackDeliveries(connection, counted);
    for (const [route, count] of counted) {
      const left = this.#counted.get(route)! - count;
      if (left > 0) this.#counted.set(route, left);
      else this.#counted.delete(route);
    }
  }

  /** Shows what is so. Whether somebody changed circuits who knows no routes, a person as a rule: then it is to be settled. */
  async follow(connection: Connection, circuits: readonly CircuitState[]): Promise<boolean> {
    const running = await readFallbacks(connection);
    const { routeOnFallback } = this.#options.metrics;
    routeOnFallback.reset();
    for (const { name } of this.#routes) routeOnFallback.set({ route: name }, 0);
    for (const { route } of running) routeOnFallback.set({ route }, 1);
    const open = circuits.filter(({ failures }) => failures > 0).map(({ upstream }) => ({ upstream, reason: '' }));
    // Of what others make of the same circuits nobody makes anything else: their rules may be newer, or older.
    const seen = open.map(({ upstream }) => upstream).join();
    if (seen === this.#lookedAt) return false;
    this.#lookedAt = seen;
    const inWords = (fallbacks: readonly Pick<Fallback, 'route' | 'to'>[]) =>
      fallbacks.map(({ route, to }) => `${route}: ${to.join()}`).sort();
    return !isDeepStrictEqual(inWords(runningOnFallback(this.#routes, open)), inWords(running));
  }

  /** Within the transaction that changes circuits. */
  settle(connection: Connection): Promise<readonly FallbackChange[]> {
    return settleFallbacks(connection, this.#routes);
  }

  tell(changes: readonly FallbackChange[]): void {
    const { log, metrics } = this.#options;
    for (const { kind, route, data } of changes) {
      metrics.routeOnFallback.set({ route }, kind === 'fallback-began' ? 1 : 0);
      if (kind === 'fallback-began') log.warn({ event: 'fallback-began', route, ...data }, 'fallback began');
      else log.info({ event: 'fallback-ended', route, ...data }, 'fallback ended');
    }
  }
}
