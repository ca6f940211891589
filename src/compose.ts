// The roof: builds the gateway out of its parts, in the order in which they need each other, and takes it down in the
// opposite one. Nothing else constructs.
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { hostname as machineName } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { type Bounces, connectionsFor, createBounces, eventPaths } from '../bounce/index.ts';
import {
  checkOptions,
  createAuthenticate,
  createDomainWatch,
  createNoteUse,
  createRelay,
  createStillValid,
  createTrustedNetworks,
  type DomainWatch,
  type Listener,
  type Relay,
  sealedFor,
  startListener,
} from '../relay/index.ts';
import { type FirstStart, forgetFirstLogins, makeFirstLogins } from './first-start.ts';
import { createProviderEvents } from './http/provider-events.ts';
import { type IsProxy, proxiesIn } from './http/proxies.ts';
import { type HttpServer, startHttp } from './http/server.ts';
import { whenAsked } from './http/when-asked.ts';
import { type Reply, reply } from './mail/reply.ts';
import { ByteBudget } from './platform/byte-budget.ts';
import { systemClock } from './platform/clock.ts';
import { openDataDirectory } from './platform/data-directory.ts';
import { createLookup } from './platform/dns.ts';
import { startEmbeddedPostgres } from './platform/embedded-postgres/index.ts';
import { type Health, type Trouble, watchHealth } from './platform/health.ts';
import { newId } from './platform/id.ts';
import { changeOf } from './platform/live-settings.ts';
import type { Logger } from './platform/log.ts';
import { createMetrics, type Metrics } from './platform/metrics.ts';
import { createOutsideGet } from './platform/outside-get.ts';
import { assertDurable, createDatabase, createPool, type Pool } from './platform/postgres.ts';
import { createWakeQueue, type WakeQueue } from './platform/queue.ts';
import { loadReturnPathKeys } from './platform/return-path-key.ts';
import { loadSealer } from './platform/sealing.ts';
import { defaultMode, type Settings } from './platform/settings.ts';
import { loadCertificate } from './platform/tls-certificate.ts';
import { findAdminSecret } from './store/admins.ts';
import { findApiToken, touchApiTokens } from './store/api-tokens.ts';
import { findCredential, listTrustedCredentials, touchCredentials } from './store/credentials.ts';
import { anySealedKey } from './store/dkim-keys.ts';
import { migrate } from './store/migrate.ts';
import { countQueued } from './store/queue-summary.ts';
import type { Database } from './store/schema.ts';
import { VERSION } from './version.ts';

export type Gateway = {
  readonly ports: {
    readonly smtp: number | null;
    readonly smtps: number | null;
    readonly http: number | null;
    readonly bounces: number | null;
  };
  readonly firstStart: FirstStart;
  readonly databaseUrl: string;
  /** Takes over what can change while it runs, and says in the log what cannot. Throws when it cannot be had. */
  reconfigure(settings: Settings): void;
  /** Lets what was begun end, for `graceMs` at most, and takes everything down. */
  stop(graceMs: number): Promise<void>;
};

/** Connections for statements on a message's way, and for everything else. */
const HOT_CONNECTIONS = 6;
const OTHER_CONNECTIONS = 4;
/** Half a lease: what is left unanswered can be written again before others take the work. */
const ANSWER_WITHIN_MS = 30_000;
/** Message bytes that are being read from clients, beyond what each session may hold unasked. */
const LISTEN_BUDGET_BYTES = 64_000_000;

export async function startGateway(settings: Settings, log: Logger, signal: AbortSignal): Promise<Gateway> {
  // Taken down in reverse, whether by `stop` or because the next part did not start.
  const opened: ((graceMs: number) => Promise<void> | void)[] = [];
  const takeDown = async (graceMs: number) => {
    while (opened.length > 0) await opened.pop()!(graceMs);
  };
  const onStop = (close: (graceMs: number) => Promise<void> | void) => opened.push(close);
  try {
    return await build(settings, log, signal, { onStop, takeDown });
  } catch (error) {
    await takeDown(0);
    throw error;
  }
}

type Hooks = {
  onStop: (close: (graceMs: number) => Promise<void> | void) => void;
  takeDown: (graceMs: number) => Promise<void>;
};

async function build(settings: Settings, log: Logger, signal: AbortSignal, hooks: Hooks): Promise<Gateway> {
  const { onStop, takeDown } = hooks;
  const dataDir = await openDataDirectory(settings.POSTERN_DATA_DIR);
  onStop(() => dataDir.release());
  const databaseUrl = await openDatabase(settings, dataDir.path, log, signal, onStop);
  const { hot, other, db } = await connect(databaseUrl, log, onStop);
  const metrics = createMetrics(() => countQueued(other));
  const health = watchHealth({ pool: other, embeddedDataDir: settings.DATABASE_URL ? null : dataDir.path, log });
  onStop(() => health.stop());
  const queue = createWakeQueue({ databaseUrl, redisUrl: settings.REDIS_URL, log });
  onStop(() => queue.close());

  const hostname = settings.POSTERN_HOSTNAME ?? machineName();
  const returnPathKeys = await loadReturnPathKeys(dataDir.path, settings.POSTERN_SECRET_KEY);
  const parts: Parts = { settings, log, hot, other, db, queue, metrics, health, hostname, dataDir: dataDir.path };
  const relay = createRelay({
    ...{ pool: hot, slowPool: other, db, queue, settings, hostname, clock: systemClock, log, metrics },
    nodeId: await nodeId(dataDir.path),
    runId: newId(Date.now()),
    returnPathKey: returnPathKeys[0]!,
  });
  await relay.start();
  onStop(graceMs => relay.stop(graceMs));
  await warnOfStrandedMail(parts, other);
  await assertKeysOpen(parts);
  const domainWatch = watchDomains(parts);
  onStop(() => domainWatch?.stop());
  const bounces = await openBounces(parts, databaseUrl, returnPathKeys, onStop);
  await bounces.start();
  onStop(() => bounces.stop());
  // Before the ports are open, since apps come at once; taken back when one of them cannot be had, since then nobody is
  // shown what was made.
  const firstStart = await makeFirstLogins(db, settings);
  let isOpen = false;
  let isShown = false;
  onStop(() => (isShown ? undefined : forgetFirstLogins(db, firstStart)));
  let current = settings;
  const http = await openHttp(parts, bounces, { isOpen: () => isOpen, settingsNow: () => current });
  onStop(() => http?.stop());
  const listener = await openListener(parts, relay);
  onStop(graceMs => listener?.stop(graceMs));
  onStop(() => {
    isOpen = false;
  });
  isOpen = true;
  isShown = true;
  const ports = {
    ...{ smtp: listener?.ports.smtp ?? null, smtps: listener?.ports.smtps ?? null },
    ...{ http: http?.port ?? null, bounces: bounces.smtpPort },
  };
  const reconfigure = (wanted: Settings) => {
    const { settings: changed, now, afterRestart } = changeOf(current, wanted);
    if (now.length > 0) relay.reconfigure(changed);
    current = changed;
    if (afterRestart.length > 0) {
      log.warn({ event: 'restart-needed', settings: afterRestart }, 'these settings hold after a restart');
    }
  };
  return { ports, firstStart, databaseUrl, reconfigure, stop: takeDown };
}

type Parts = {
  readonly settings: Settings;
  readonly log: Logger;
  readonly hot: Pool;
  readonly other: Pool;
  readonly db: Kysely<Database>;
  readonly queue: WakeQueue;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly hostname: string;
  readonly dataDir: string;
};

/** Without upstreams what is queued stays: an operator who took them away by mistake should hear of it. */
async function warnOfStrandedMail({ settings, log }: Parts, pool: Pool): Promise<void> {
  if (settings.POSTERN_UPSTREAMS !== null) return;
  const deliveries = await countQueued(pool);
  if (deliveries > 0)
    log.warn({ event: 'no-upstreams', deliveries }, 'mail is queued, and there is no upstream to send it');
}

/** Mail of such a domain is not taken (451): an operator should hear of it before the first app does. */
async function assertKeysOpen({ settings, db, log }: Parts): Promise<void> {
  const stored = await anySealedKey(db);
  if (!stored) return;
  try {
    const sealer = await loadSealer({ secretKey: settings.POSTERN_SECRET_KEY, dataDir: settings.POSTERN_DATA_DIR });
    sealer.open(stored.sealedPrivateKey, sealedFor(stored.domain, stored.selector));
  } catch (error) {
    log.error(
      { event: 'keys-do-not-open', domain: stored.domain, err: error },
      'mail of this domain will not be taken',
    );
  }
}

/** With the dispatcher: each installation has one, not each has a process for HTTP; several of them share the work. */
function watchDomains({ settings, db, hostname, log }: Parts): DomainWatch | null {
  if (!settings.POSTERN_ROLES.has('dispatcher')) return null;
  const watch = createDomainWatch({
    ...checkOptions(settings, hostname),
    ...{ db, log, clock: systemClock, random: Math.random },
  });
  watch.start();
  return watch;
}

async function openDatabase(
  settings: Settings,
  dataDir: string,
  log: Logger,
  signal: AbortSignal,
  onStop: Hooks['onStop'],
) {
  if (settings.DATABASE_URL) return settings.DATABASE_URL;
  const embedded = await startEmbeddedPostgres({ dataDir, log, signal });
  onStop(() => embedded.stop());
  return embedded.url;
}

async function connect(databaseUrl: string, log: Logger, onStop: Hooks['onStop']) {
  const hot = createPool(databaseUrl, {
    ...{ max: HOT_CONNECTIONS, name: 'postern', log, indexOnly: true, answerWithinMs: ANSWER_WITHIN_MS },
  });
  const other = createPool(databaseUrl, { max: OTHER_CONNECTIONS, name: 'postern-other', log });
  onStop(() => hot.end());
  onStop(() => other.end());
  await assertDurable(hot);
  const db = createDatabase<Database>(other);
  const ran = await migrate(db as unknown as Kysely<never>);
  if (ran.length > 0) log.info({ event: 'migrated', migrations: ran }, 'database migrated');
  return { hot, other, db };
}

/** Over a pool of its own: reports that come by the thousand are not to keep anybody waiting. */
async function openBounces(
  { settings, log, metrics, hostname, dataDir }: Parts,
  databaseUrl: string,
  returnPathKeys: Awaited<ReturnType<typeof loadReturnPathKeys>>,
  onStop: Hooks['onStop'],
) {
  const pool = createPool(databaseUrl, { max: connectionsFor(settings), name: 'postern-bounces', log });
  onStop(() => pool.end());
  return createBounces({
    ...{ pool, settings, returnPathKeys, hostname, clock: systemClock, log, metrics },
    certificate: () => certificateOf(settings, dataDir, hostname),
  });
}

/** The name under which this data directory's runs hold leases. */
async function nodeId(dataDir: string): Promise<string> {
  const path = join(dataDir, 'node-id');
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known.trim()) return known.trim();
  const made = randomUUID();
  await writeFile(path, `${made}\n`);
  return made;
}

type Now = { readonly isOpen: () => boolean; readonly settingsNow: () => Settings };

async function openHttp(parts: Parts, bounces: Bounces, now: Now): Promise<HttpServer | null> {
  const { settings, metrics, health } = parts;
  if (settings.POSTERN_HTTP_PORT === null) return null;
  const isProxy = proxiesIn(settings.POSTERN_HTTP_PROXY_NETWORKS ?? []);
  return startHttp({
    host: settings.POSTERN_HOST,
    port: settings.POSTERN_HTTP_PORT,
    isProxy,
    version: VERSION,
    health,
    metrics,
    isOpen: now.isOpen,
    ...(eventPaths(settings).length > 0 ? { providerEvents: eventRoutes(parts, bounces) } : {}),
    ...(settings.POSTERN_ROLES.has('http') ? { api: apiRoutes(parts, now, isProxy) } : {}),
  });
}

function apiRoutes({ log, metrics, health, other, db }: Parts, { settingsNow }: Now, isProxy: IsProxy) {
  const touch = (ids: readonly string[]) =>
    touchApiTokens(other, ids).catch(error => log.debug({ err: error }, 'last use not noted'));
  return whenAsked('/api', isProxy, async () => {
    const { createAccess, createApi } = await import('./http/api/index.ts');
    const access = createAccess({
      findToken: tokenId => findApiToken(other, tokenId),
      findAdminSecret: name => findAdminSecret(db, name),
      noteUse: createNoteUse(touch, systemClock),
      ...{ clock: systemClock, log, metrics },
    });
    return createApi({ access, health, log, version: VERSION, store: { pool: other, db }, settings: settingsNow });
  });
}

function eventRoutes({ settings, log, metrics }: Parts, { takeProviderEvents: take }: Bounces) {
  const lookup = createLookup(settings.POSTERN_DNS_SERVERS) ?? null;
  return createProviderEvents({
    settings,
    log,
    metrics,
    take,
    clock: systemClock,
    fetch: createOutsideGet({ lookup }),
  });
}

async function openListener(parts: Parts, relay: Relay): Promise<Listener | null> {
  const { settings, log, metrics, health, hostname, db, dataDir } = parts;
  if (!settings.POSTERN_ROLES.has('listener')) return null;
  const certificate = await certificateOf(settings, dataDir, hostname);
  const touch = (ids: readonly string[]) =>
    touchCredentials(db, ids, new Date()).catch(error => log.debug({ err: error }, 'last use not noted'));
  const known = { noteUse: createNoteUse(touch, systemClock), defaultMode: defaultMode(settings), clock: systemClock };
  const find = (name: string) => findCredential(db, name);
  const authenticate = createAuthenticate({ ...known, find });
  const trusted = createTrustedNetworks({ ...known, list: () => listTrustedCredentials(db), log });
  return startListener({
    host: settings.POSTERN_HOST,
    hostname,
    smtpPort: settings.POSTERN_SMTP_PORT,
    smtpsPort: settings.POSTERN_SMTPS_PORT,
    certificate,
    authenticate,
    stillValid: createStillValid({ ...known, find }),
    trusted,
    proxyNetworks: settings.POSTERN_PROXY_NETWORKS ?? [],
    submit: relay.submit,
    admission: relay.admission,
    budget: new ByteBudget(LISTEN_BUDGET_BYTES),
    maxMessageSize: settings.POSTERN_MAX_MESSAGE_SIZE,
    maxRecipients: settings.POSTERN_MAX_RECIPIENTS,
    insecureAuth: settings.POSTERN_INSECURE_AUTH,
    maxStrangersPerHost: settings.POSTERN_MAX_SESSIONS_PER_IP,
    maxClientsPerHost: settings.POSTERN_MAX_CLIENT_SESSIONS_PER_IP,
    trouble: () => (health.trouble ? TROUBLE_REPLY[health.trouble] : null),
    log,
    metrics,
  });
}

function certificateOf(settings: Settings, dataDir: string, hostname: string) {
  return loadCertificate({
    ...{ certPath: settings.POSTERN_TLS_CERT, keyPath: settings.POSTERN_TLS_KEY, dataDir, hostname },
  });
}

const TROUBLE_REPLY: Readonly<Record<Trouble, Reply>> = {
  'database-unavailable': reply(451, '4.3.0', 'Temporary failure, try again later'),
  'storage-full': reply(452, '4.3.1', 'Insufficient system storage'),
};
