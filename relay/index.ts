// The relay wing: accepting mail and sending it on. Outside of it people need `submit` and the controls; the roof starts
// and stops it. README.md says where to read on.

import type { Address } from '../src/mail/address.ts';
import type { ReturnPathKey } from '../src/mail/verp.ts';
import type { Pool } from '../src/platform/postgres.ts';
import type { WakeQueue } from '../src/platform/queue.ts';
import type { Rounds } from '../src/platform/rounds.ts';
import { inForce } from '../src/platform/route-rules.ts';
import type { Settings } from '../src/platform/settings.ts';
import { findRepeated } from '../src/store/accept.ts';
import { listRoutes } from '../src/store/routes.ts';
import { findSuppression } from '../src/store/suppressions.ts';
import type { Admission } from './admission.ts';
import { handOverByQueue } from './dispatch/hand-over.ts';
import { createSending } from './dispatch/sending.ts';
import { createDoor, type DoorOptions } from './door.ts';
import { watchDelays } from './dsn/delays.ts';
import { tellSenders } from './dsn/follow.ts';
import { createExplain, type Explain } from './explain.ts';
import { startForgetting } from './forget.ts';
import { createLifetimes } from './routing/lifetimes.ts';
import { readStored } from './routing/route-book.ts';
import { Router } from './routing/router.ts';
import type { Signer } from './signing/signer.ts';
import { createSubmit, type Submit } from './submit.ts';

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
export { explainReplies } from './faults/explain-replies.ts';
export type { ReplyExplanation } from './faults/explain-reply.ts';
export { STAGES } from './faults/fault.ts';
export { type Listener, startListener } from './listener/server.ts';
export { createTrustedNetworks } from './listener/trusted-networks.ts';
export type { Refusal } from './refusal.ts';
export {
  type ListedRule,
  RULE_SOURCES,
  type Rulebook,
  type RuleStore,
  readRulebook,
  removeRule,
  ruleOf,
  setRule,
} from './routing/rulebook.ts';
export { sealedFor } from './signing/key-ring.ts';
export { createStillValid } from './still-valid.ts';
export type { Submit, SubmitResult } from './submit.ts';
export { closeUpstream, openingByHand, openUpstream, testUpstream } from './upstreams/by-hand.ts';
export { createUpstream } from './upstreams/create.ts';
export { type KnownState, readState, surveyUpstreams, type UpstreamSurvey } from './upstreams/survey.ts';
export { warmupLimit } from './upstreams/warmup.ts';

export type Relay = {
  readonly submit: Submit;
  readonly admission: Admission;
  /** Other upstreams, routes and lifetimes from now on. Throws, and changes nothing, when an upstream cannot be made. */
  reconfigure(settings: Settings): void;
  start(): Promise<void>;
  /** Gives attempts `graceMs` to end; nothing that was begun is forgotten. */
  stop(graceMs: number): Promise<void>;
};

export type RelayOptions = DoorOptions & {
  readonly queue: WakeQueue;
  /** For transactions of several statements, which nothing on its way waits for. */
  readonly slowPool: Pool;
  /** One run of one node: `node:run`. */
  readonly nodeId: string;
  readonly runId: string;
  /** What return paths are signed with. */
  readonly returnPathKey: ReturnPathKey;
};

export function createRelay(options: RelayOptions): Relay {
  const { settings, queue, pool, log } = options;
  const dispatches = settings.POSTERN_ROLES.has('dispatcher') && settings.POSTERN_UPSTREAMS !== null;
  const sending = dispatches ? createSending(options) : null;
  const door = createDoor(options);
  let lifetimes = createLifetimes(settings);
  let forgetting: ReturnType<typeof startForgetting> | null = null;
  let telling: Rounds[] = [];
  return {
    submit: createSubmit({
      ...options,
      ...door,
      handOver: sending?.handOver ?? handOverByQueue(queue),
      maxAgeMsOf: message => lifetimes.maxAgeMsOf(message),
      repeatWindowMs: settings.POSTERN_REPEAT_WINDOW,
    }),
    admission: door.admission,
    reconfigure(changed) {
      sending?.reconfigure(changed);
      lifetimes = createLifetimes(changed);
    },
    async start() {
      forgetting = startForgetting(pool, log);
      await door.quotas.start();
      await sending?.start();
      telling = startTelling(options, door.signer);
    },
    async stop(graceMs) {
      await Promise.all([forgetting, ...telling].map(one => one?.stop()));
      await door.quotas.stop();
      await sending?.stop(graceMs);
    },
  };
}

/** Where the process has that role: what is told to senders by mail, and that mail is late. */
function startTelling(options: RelayOptions, signer: Signer): Rounds[] {
  const { settings, hostname, queue, slowPool: pool, clock, log, metrics } = options;
  if (!settings.POSTERN_ROLES.has('followers')) return [];
  const from = (settings.POSTERN_DSN_FROM ?? `MAILER-DAEMON@${hostname}`) as Address;
  const delayWarningMs = settings.POSTERN_DELAY_WARNING;
  return [
    tellSenders({
      ...{ pool, hostname, from, signer, clock, log, metrics },
      maxAgeMs: settings.POSTERN_MAX_AGE,
      wake: () => queue.wake(0),
    }),
    ...(delayWarningMs === null ? [] : [watchDelays({ pool, delayWarningMs, clock, log })]),
  ];
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
  const upstreams = (settings.POSTERN_UPSTREAMS ?? []).map(({ name }) => name);
  const router = new Router(upstreams, settings.POSTERN_ROUTES, Math.random);
  return {
    explain: createExplain({
      ...door,
      clock: options.clock,
      maxAgeMsOf: createLifetimes(settings).maxAgeMsOf,
      repeatWindowMs: settings.POSTERN_REPEAT_WINDOW,
      repeatOf: key => findRepeated(pool, key),
      suppressionOf: (identity, stream, address) =>
        findSuppression(pool, { address, tenantId: identity.tenantId, stream }),
      router,
    }),
    async start() {
      await door.quotas.start();
      router.replace(upstreams, inForce(readStored(await listRoutes(pool)).rules, settings.POSTERN_ROUTES));
    },
    stop: () => door.quotas.stop(),
  };
}
