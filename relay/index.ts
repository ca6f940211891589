// The relay wing: accepting mail and sending it on. Outside of it people need `submit` and the controls; the roof starts
// and stops it. README.md says where to read on.

import type { Upstream } from '../src/mail/upstream.ts';
import type { ReturnPathKey } from '../src/mail/verp.ts';
import { ByteBudget } from '../src/platform/byte-budget.ts';
import type { WakeQueue } from '../src/platform/queue.ts';
import { findRepeated } from '../src/store/accept.ts';
import { findSuppression } from '../src/store/suppressions.ts';
import type { Admission } from './admission.ts';
import { createDeliveryMarks } from './delivery-marks.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { type HandOver, handOverByQueue } from './dispatch/hand-over.ts';
import { Neighbours } from './dispatch/neighbours.ts';
import { Recorder } from './dispatch/recorder.ts';
import { Route } from './dispatch/route.ts';
import { UpstreamDiary } from './dispatch/upstream-diary.ts';
import { createDoor, type DoorOptions } from './door.ts';
import { createExplain, type Explain } from './explain.ts';
import { startForgetting } from './forget.ts';
import { createReturnPaths } from './return-path.ts';
import { createSubmit, type Submit } from './submit.ts';
import { createUpstream } from './upstreams/create.ts';

export { PROVIDERS, type Provider, providerOfHost } from '../src/mail/provider.ts';
export { type Authenticate, createAuthenticate, createNoteUse, identityOf } from './authenticate.ts';
export { checkDomain, checkOptions, type DomainCheck } from './domains/check.ts';
export { recordNeededUntil } from './domains/check-dkim.ts';
export { dkimRecord } from './domains/dkim-record.ts';
export { type DnsRecord, panelForm, zoneLine } from './domains/dns-record.ts';
export type { Finding } from './domains/finding.ts';
export { makeKeys } from './domains/make-keys.ts';
export { parseSendingDomain, zoneOf } from './domains/sending-domain.ts';
export { type RecordedCheck, settleCheck } from './domains/settle-check.ts';
export { createDomainWatch, type DomainWatch } from './domains/watch.ts';
export type { Explanation } from './explain.ts';
export { explainReply, type ReplyExplanation } from './faults/explain-reply.ts';
export { STAGES } from './faults/fault.ts';
export { type Listener, startListener } from './listener/server.ts';
export { createTrustedNetworks } from './listener/trusted-networks.ts';
export { sealedFor } from './signing/key-ring.ts';
export { createStillValid } from './still-valid.ts';
export type { Submit, SubmitResult } from './submit.ts';
export { createUpstream } from './upstreams/create.ts';
export { SessionError } from './upstreams/greeting.ts';

export type Relay = {
  readonly submit: Submit;
  readonly admission: Admission;
  start(): Promise<void>;
  /** Gives attempts `graceMs` to end; nothing that was begun is forgotten. */
  stop(graceMs: number): Promise<void>;
};

export type RelayOptions = DoorOptions & {
  readonly queue: WakeQueue;
  /** One run of one node: `node:run`. */
  readonly nodeId: string;
  readonly runId: string;
  /** What return paths are signed with. */
  readonly returnPathKey: ReturnPathKey;
};

/** Message bytes that wait to be sent, in memory. */
const DISPATCH_BUDGET_BYTES = 48_000_000;

export function createRelay(options: RelayOptions): Relay {
  const dispatches = options.settings.POSTERN_ROLES.has('dispatcher') && options.settings.POSTERN_UPSTREAMS !== null;
  const neighbours = dispatches ? createNeighbours(options) : null;
  const upstreams = neighbours ? createUpstreams(options, neighbours) : [];
  const diary = new UpstreamDiary(options.pool, options.nodeId, options.log);
  const dispatcher = dispatches ? createDispatcher(options, upstreams, diary) : null;
  const handOver: HandOver = dispatcher ?? handOverByQueue(options.queue);
  const { settings } = options;
  const door = createDoor(options);
  let forgetting: ReturnType<typeof startForgetting> | null = null;
  return {
    submit: createSubmit({
      ...options,
      ...door,
      handOver,
      maxAgeMs: settings.POSTERN_MAX_AGE,
      repeatWindowMs: settings.POSTERN_REPEAT_WINDOW,
    }),
    admission: door.admission,
    async start() {
      forgetting = startForgetting(options.pool, options.log);
      await door.quotas.start();
      diary.begin(upstreams.map(({ name }) => name));
      await neighbours?.start();
      await dispatcher?.start();
      if (dispatcher) options.queue.listen(() => dispatcher.wake());
    },
    async stop(graceMs) {
      await forgetting?.stop();
      await door.quotas.stop();
      await dispatcher?.stop(graceMs);
      await neighbours?.stop();
      await diary.stop();
      // Kept sessions would keep the process alive until they have been idle for long enough.
      await Promise.all(upstreams.map(upstream => upstream.close()));
    },
  };
}

export type Explainer = {
  readonly explain: Explain;
  start(): Promise<void>;
  stop(): Promise<void>;
};

/** For `postern explain`: everything that `submit` asks, and nothing that it does. */
export function createExplainer(options: DoorOptions): Explainer {
  const door = createDoor(options);
  const { pool, settings } = options;
  return {
    explain: createExplain({
      ...door,
      clock: options.clock,
      maxAgeMs: settings.POSTERN_MAX_AGE,
      repeatWindowMs: settings.POSTERN_REPEAT_WINDOW,
      repeatOf: key => findRepeated(pool, key),
      suppressionOf: (identity, stream, address) =>
        findSuppression(pool, { address, tenantId: identity.tenantId, stream }),
      upstreams: (settings.POSTERN_UPSTREAMS ?? []).map(({ name }) => name),
    }),
    start: () => door.quotas.start(),
    stop: () => door.quotas.stop(),
  };
}

function createNeighbours({ pool, nodeId, runId, log }: RelayOptions): Neighbours {
  return new Neighbours({ pool, holder: `${nodeId}:${runId}`, node: nodeId, log });
}

function createDispatcher(options: RelayOptions, upstreams: readonly Upstream[], diary: UpstreamDiary): Dispatcher {
  const { settings, pool, queue, nodeId, runId, clock, log, metrics } = options;
  const route = new Route(upstreams, log, metrics);
  route.onChange = change => diary.note(change);
  const holder = `${nodeId}:${runId}`;
  const recorder = new Recorder(pool, holder, log);
  const budget = new ByteBudget(DISPATCH_BUDGET_BYTES);
  const slots = settings.POSTERN_UPSTREAMS!.reduce((sum, upstream) => sum + upstream.connections, 0);
  const onRetry = (delayMs: number) => queue.wake(delayMs);
  const schedule = settings.POSTERN_RETRY;
  const returnPaths = returnPathsOf(options);
  const marks = createDeliveryMarks(settings);
  return new Dispatcher({
    ...{ pool, route, recorder, budget, holder, nodeId, slots, clock, log },
    deliver: { route, recorder, schedule, clock, random: Math.random, log, metrics, returnPaths, marks, onRetry },
  });
}

/** Where nothing comes back to us, nothing is signed. */
function returnPathsOf({ settings, returnPathKey, clock }: RelayOptions) {
  const { POSTERN_RETURN_PATH_DOMAIN: domain, POSTERN_BOUNCE_MAILBOXES: mailboxes } = settings;
  if (domain === null && mailboxes === null) return null;
  return createReturnPaths({ domain, key: returnPathKey, upstreams: settings.POSTERN_UPSTREAMS ?? [], clock });
}

function createUpstreams({ settings, hostname, pool }: RelayOptions, neighbours: Neighbours): Upstream[] {
  const pace = { pool, neighbours };
  return (settings.POSTERN_UPSTREAMS ?? []).map(upstream => createUpstream(upstream, settings, hostname, { pace }));
}
