// Connects the room to the world: one `ingestReport` for all ways in, a poller for each mailbox, the follower of refusals
// in our own sessions, and the SMTP door for those who have no mailbox; each where the process has that role.
import type { Clock } from '../src/platform/clock.ts';
import { createLookup } from '../src/platform/dns.ts';
import type { Logger } from '../src/platform/log.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import type { Pool } from '../src/platform/postgres.ts';
import type { SigningKey } from '../src/platform/return-path-key.ts';
import type { Settings } from '../src/platform/settings.ts';
import type { Certificate } from '../src/platform/tls-certificate.ts';
import type { Ring } from './clues.ts';
import { createTakeProviderEvents, type TakeProviderEvents } from './events/take.ts';
import { followFailures } from './follow.ts';
import type { Inbound } from './inbound/listener.ts';
import { createIngest, type IngestReport } from './ingest.ts';

export type Bounces = {
  readonly ingestReport: IngestReport;
  readonly takeProviderEvents: TakeProviderEvents;
  /** The SMTP door's, once started. */
  readonly smtpPort: number | null;
  start(): Promise<void>;
  stop(): Promise<void>;
};

export type BouncesOptions = {
  /** Not the hot one: a transaction here has several statements. */
  readonly pool: Pool;
  readonly settings: Settings;
  /** What return paths were signed with, now and before. */
  readonly returnPathKeys: readonly SigningKey[];
  readonly hostname: string;
  /** Asked for when there is an SMTP door. */
  readonly certificate: () => Promise<Certificate>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

type Running = { stop(): Promise<void> };

export function createBounces(options: BouncesOptions): Bounces {
  const { settings } = options;
  const suppressionsPerHour = settings.POSTERN_SUPPRESSIONS_PER_HOUR;
  const ring = { keys: options.returnPathKeys, domain: settings.POSTERN_RETURN_PATH_DOMAIN };
  const ingestReport = createIngest({ ...options, ring, suppressionsPerHour });
  const running: Running[] = [];
  let smtpPort: number | null = null;
  return {
    ingestReport,
    takeProviderEvents: createTakeProviderEvents({ ...options, ring, suppressionsPerHour }),
    get smtpPort() {
      return smtpPort;
    },
    async start() {
      if (settings.POSTERN_ROLES.has('followers')) running.push(followFailures({ ...options, suppressionsPerHour }));
      if (!settings.POSTERN_ROLES.has('poller')) return;
      running.push(...(await startPollers(options, ingestReport)));
      const door = await openDoor(options, ingestReport, ring);
      if (door) running.push(door);
      smtpPort = door?.port ?? null;
    },
    async stop() {
      await Promise.all(running.map(one => one.stop()));
    },
  };
}

/** imapflow takes a while to load, and most of the command line needs the room's pure half only. */
export async function loadMailboxes() {
  const [{ pollMailbox }, { probeMailbox }] = await Promise.all([
    import('./mailbox/poller.ts'),
    import('./mailbox/probe.ts'),
  ]);
  return { pollMailbox, probeMailbox };
}

async function startPollers(options: BouncesOptions, ingest: IngestReport): Promise<Running[]> {
  const mailboxes = options.settings.POSTERN_BOUNCE_MAILBOXES ?? [];
  if (mailboxes.length === 0) return [];
  const { pollMailbox } = await loadMailboxes();
  const lookup = createLookup(options.settings.POSTERN_DNS_SERVERS);
  const { pool, log, metrics } = options;
  return mailboxes.map(settings => pollMailbox({ settings, pool, ingest, lookup, log, metrics }));
}

async function openDoor(options: BouncesOptions, ingest: IngestReport, ring: Ring): Promise<Inbound | null> {
  const { settings, hostname, certificate, clock, log } = options;
  const { POSTERN_BOUNCE_SMTP_PORT: port, POSTERN_HOST: host } = settings;
  if (port === null) return null;
  const { startInbound } = await import('./inbound/listener.ts');
  return startInbound({ host, port, hostname, certificate: await certificate(), ring, ingest, clock, log });
}

/** Connections of the wing's pool: each poller holds one for its lock. */
export function connectionsFor({ POSTERN_ROLES: roles, POSTERN_BOUNCE_MAILBOXES: mailboxes }: Settings): number {
  return 2 + (roles.has('poller') ? 2 * (mailboxes?.length ?? 0) : 0);
}
