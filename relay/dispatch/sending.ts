// Everything that sending takes, put together: the upstreams with their circuits, the routes, and the dispatcher that
// works through them. What the settings say of these may change while it runs.
import type { Kysely } from 'kysely';
import type { ReturnPathKey } from '../../src/mail/verp.ts';
import { ByteBudget } from '../../src/platform/byte-budget.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { digestOf } from '../../src/platform/live-settings.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import type { WakeQueue } from '../../src/platform/queue.ts';
import { inForce, type RouteRule } from '../../src/platform/route-rules.ts';
import type { Settings } from '../../src/platform/settings.ts';
import type { Database } from '../../src/store/schema.ts';
import { createDeliveryMarks } from '../delivery-marks.ts';
import { createReturnPaths } from '../return-path.ts';
import { createLifetimes } from '../routing/lifetimes.ts';
import { RouteBook } from '../routing/route-book.ts';
import { Router } from '../routing/router.ts';
import { createUpstream } from '../upstreams/create.ts';
import { AtOnce } from './at-once.ts';
import { CircuitWatch } from './circuit-watch.ts';
import type { Habits } from './deliver.ts';
import { Dispatcher } from './dispatcher.ts';
import { Fallbacks } from './fallbacks.ts';
import { Fleet } from './fleet.ts';
import type { HandOver } from './hand-over.ts';
import { Lanes } from './lanes.ts';
import { Neighbours } from './neighbours.ts';
import { Placement } from './placement.ts';
import { Recorder } from './recorder.ts';
import { Slowdowns } from './slowdowns.ts';
import { Switchboard } from './switchboard.ts';

export type SendingOptions = {
  readonly pool: Pool;
  readonly db: Kysely<Database>;
  readonly queue: WakeQueue;
  readonly settings: Settings;
  readonly hostname: string;
  /** One run of one node: `node:run`. */
  readonly nodeId: string;
  readonly runId: string;
  /** What return paths are signed with. */
  readonly returnPathKey: ReturnPathKey;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

export type Sending = {
  readonly handOver: HandOver;
  /** Other upstreams, routes and lifetimes from now on. Throws, and changes nothing, when an upstream cannot be made. */
  reconfigure(settings: Settings): void;
  start(): Promise<void>;
  /** Gives attempts `graceMs` to end; nothing that was begun is forgotten. */
  stop(graceMs: number): Promise<void>;
};

/** Message bytes that wait to be sent, in memory. */
const DISPATCH_BUDGET_BYTES = 48_000_000;

export function createSending(options: SendingOptions): Sending {
  const { pool, db, queue, hostname, nodeId, runId, clock, log, metrics } = options;
  let { settings } = options;
  let habits = habitsOf(settings, options);
  let byHand: readonly RouteRule[] = [];
  const holder = `${nodeId}:${runId}`;
  const goesBy = () => ({ upstreams: fleet.names, settingsDigest: digestOf(settings) });
  const neighbours = new Neighbours({ pool, holder, node: nodeId, goesBy, log });
  const fleet = new Fleet({
    create: upstream => createUpstream(upstream, settings, hostname, { pace: { pool, neighbours } }),
    neighbours,
    circuit: {
      ...{ log, metrics },
      onOpportunity: () => dispatcher.wake(),
      onFinding: (circuit, finding) => watch.note(circuit, finding),
    },
  });
  fleet.replace(settings.POSTERN_UPSTREAMS ?? []);
  const router = new Router(fleet.names, settings.POSTERN_ROUTES, Math.random);
  const fallbacks = new Fallbacks({ log, metrics });
  fallbacks.rules = router.rules;
  const watch: CircuitWatch = new CircuitWatch({ pool, fleet, fallbacks, holder, nodeId, clock, log });
  const reroute = () => {
    router.replace(fleet.names, inForce(byHand, settings.POSTERN_ROUTES));
    fallbacks.rules = router.rules;
    watch.refresh();
    dispatcher.reroute();
  };
  const routeBook = new RouteBook({
    ...{ pool, log },
    onChange: rules => {
      byHand = rules;
      reroute();
    },
  });
  const switchboard = new Switchboard(fleet, router);
  const slowdowns = new Slowdowns({
    ...{ pool, neighbours, clock, log, metrics, node: nodeId },
    upstreams: () => fleet.names,
  });
  const atOnce = new AtOnce({ db, neighbours, clock, log, onRoom: () => dispatcher.refill() });
  const lanes = new Lanes({ fleet, clock, maxBytes: DISPATCH_BUDGET_BYTES });
  const recorder = new Recorder(pool, holder, log);
  const dispatcher: Dispatcher = new Dispatcher({
    ...{ pool, fleet, lanes, atOnce, recorder, holder, nodeId, clock, log },
    placement: new Placement({ router, fleet, switchboard, lanes, slowdowns, atOnce, clock }),
    budget: new ByteBudget(DISPATCH_BUDGET_BYTES),
    deliver: {
      ...{ switchboard, slowdowns, recorder, clock, log, metrics, random: Math.random },
      habits: () => habits,
      isLimited: atOnce.isLimited,
      onDelivered: (route, upstream) => fallbacks.delivered(route, upstream),
      onRetry: delayMs => queue.wake(delayMs),
    },
  });
  return {
    handOver: dispatcher,
    reconfigure(changed) {
      const { added, removed } = fleet.replace(changed.POSTERN_UPSTREAMS ?? []);
      settings = changed;
      habits = habitsOf(settings, options);
      reroute();
      void neighbours.look();
      log.info({ event: 'reconfigured', added, removed, routes: settings.POSTERN_ROUTES.length }, 'reconfigured');
    },
    async start() {
      await neighbours.start();
      await slowdowns.start();
      await atOnce.start();
      await routeBook.start();
      await watch.start();
      await dispatcher.start();
      queue.listen(() => dispatcher.wake());
    },
    async stop(graceMs) {
      await routeBook.stop();
      await dispatcher.stop(graceMs);
      await watch.stop();
      await slowdowns.stop();
      await atOnce.stop();
      await neighbours.stop();
      await fleet.close();
    },
  };
}

function habitsOf(settings: Settings, { returnPathKey, clock }: SendingOptions): Habits {
  const { POSTERN_RETURN_PATH_DOMAIN: domain, POSTERN_BOUNCE_MAILBOXES: mailboxes } = settings;
  const upstreams = settings.POSTERN_UPSTREAMS ?? [];
  // Where nothing comes back to us, nothing is signed.
  const comesBack = domain !== null || mailboxes !== null;
  return {
    returnPaths: comesBack ? createReturnPaths({ domain, key: returnPathKey, upstreams, clock }) : null,
    marks: createDeliveryMarks(settings),
    scheduleOf: createLifetimes(settings).scheduleOf,
  };
}
