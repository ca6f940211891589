// `postern doctor`: looks at everything that the gateway needs and says what to do about what is wrong.
import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { checkDomain, checkOptions, type DomainCheck, readState, sealedFor, testUpstream } from '../../relay/index.ts';
import { ConfigError } from '../platform/config.ts';
import type { Pool } from '../platform/postgres.ts';
import { createWakeQueue } from '../platform/queue.ts';
import { loadSealer } from '../platform/sealing.ts';
import type { Settings } from '../platform/settings.ts';
import { anySealedKey, listKeys } from '../store/dkim-keys.ts';
import { listDomains } from '../store/domains.ts';
import { missingMigrations } from '../store/migrate.ts';
import type { Database } from '../store/schema.ts';
import { checkCertificate } from './check-certificate.ts';
import { checkEventPaths } from './check-event-paths.ts';
import { checkGateway } from './check-gateway.ts';
import { judgeSettings, withStore } from './context.ts';
import { type Finding, printFinding } from './finding.ts';
import { otherSettings } from './goes-by.ts';
import { findState } from './upstream-state.ts';

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check database, domains, upstreams, bounce mailboxes and the gateway; exit 1 with what to do')
    .option('--json', 'print JSON, one finding a line')
    .action(async ({ json }: { json?: boolean }) => {
      const { settings, problems } = judgeSettings();
      const findings = problems.map(
        (detail): Finding => ({ check: 'settings', ok: false, detail, todo: 'docs/settings.md lists them all' }),
      );
      const checks = [checkStore, checkUpstreams, checkMailboxes, checkTls, checkGateway, checkEventPaths];
      for (const check of checks) findings.push(...(await unlessWrong(() => check(settings))));
      for (const finding of findings) printFinding(finding, json ?? false);
      if (findings.some(finding => !finding.ok)) process.exitCode = 1;
    });
}

/** What is wrong with a setting is told already: nothing is to be found out with it. */
async function unlessWrong(check: () => Finding[] | Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
}

const checkTls = (settings: Settings) => checkCertificate(settings, Date.now());

async function checkStore(settings: Settings): Promise<Finding[]> {
  try {
    return await withStore(async ({ pool, db, url }, _settings, log) => {
      const { rows } = await pool.query(`select current_setting('server_version') as version`);
      const missing = await missingMigrations(db as never);
      const database: Finding = { check: 'database', ok: true, detail: `PostgreSQL ${rows[0].version}, durable` };
      const schema: Finding =
        missing.length === 0
          ? { check: 'migrations', ok: true, detail: 'up to date' }
          : {
              check: 'migrations',
              ok: false,
              detail: `missing: ${missing.join(', ')}`,
              todo: 'run `npx postern migrate`, or start the gateway',
            };
      const queue = await unlessWrong(() => checkQueue(settings, url, log));
      if (missing.length > 0) return [database, schema, ...queue];
      const secretKey = await unlessWrong(() => checkSecretKey(db, settings));
      const domains = await unlessWrong(() => checkDomains(db, settings));
      const state = await unlessWrong(async () => findState(await readState(pool), upstreamNames(settings)));
      const running = await unlessWrong(() => checkRunning(pool, settings));
      return [database, schema, ...queue, ...secretKey, ...domains, ...running, ...state];
    });
  } catch (error) {
    const todo = settings.DATABASE_URL
      ? 'check DATABASE_URL, and that the server runs and lets this user in'
      : 'check POSTERN_DATA_DIR';
    return [{ check: 'database', ok: false, detail: (error as Error).message, todo }];
  }
}

const QUEUE_ANSWERS_WITHIN_MS = 5_000;

async function checkQueue(
  settings: Settings,
  databaseUrl: string,
  log: Parameters<typeof createWakeQueue>[0]['log'],
): Promise<Finding[]> {
  const kind = settings.REDIS_URL ? 'Redis' : 'PostgreSQL';
  const queue = createWakeQueue({ databaseUrl, redisUrl: settings.REDIS_URL, log });
  const timeout = AbortSignal.timeout(QUEUE_ANSWERS_WITHIN_MS);
  const late = new Promise<never>((_, reject) =>
    timeout.addEventListener('abort', () => reject(new Error('no answer within 5 s'))),
  );
  try {
    await Promise.race([queue.counts(), late]);
    return [{ check: 'queue', ok: true, detail: `on ${kind}` }];
  } catch (error) {
    const todo = 'check REDIS_URL, and that the server runs';
    return [{ check: 'queue', ok: false, detail: `${kind}: ${(error as Error).message}`, todo }];
  } finally {
    await queue.close().catch(() => undefined);
  }
}

async function checkRunning(pool: Pool, settings: Settings): Promise<Finding[]> {
  const detail = await otherSettings(pool, settings);
  if (detail === null) return [];
  const todo = 'read its log, and restart it where that says restart-needed';
  return [{ check: 'settings', ok: false, detail, todo }];
}

function upstreamNames({ POSTERN_UPSTREAMS: upstreams }: Settings): string[] {
  return (upstreams ?? []).map(({ name }) => name);
}

/** Nothing to say where nothing is encrypted. */
async function checkSecretKey(db: Kysely<Database>, settings: Settings): Promise<Finding[]> {
  const stored = await anySealedKey(db);
  if (!stored) return [];
  const { domain, selector, sealedPrivateKey } = stored;
  try {
    const sealer = await loadSealer({ secretKey: settings.POSTERN_SECRET_KEY, dataDir: settings.POSTERN_DATA_DIR });
    sealer.open(sealedPrivateKey, sealedFor(domain, selector));
    return [{ check: 'secret key', ok: true, detail: `${sealer.keyId}: opens what is stored` }];
  } catch (error) {
    const todo = 'give each machine the same POSTERN_SECRET_KEY, or the file secret-key of the first';
    return [{ check: 'secret key', ok: false, detail: (error as Error).message, todo }];
  }
}

async function checkDomains(db: Kysely<Database>, settings: Settings): Promise<Finding[]> {
  const options = checkOptions(settings, settings.POSTERN_HOSTNAME ?? hostname());
  const domains = await listDomains(db);
  return Promise.all(
    domains.map(async ({ domain }) =>
      describeDomain(await checkDomain(domain, await listKeys(db, domain), options, Date.now())),
    ),
  );
}

function describeDomain({ domain, state, findings }: DomainCheck): Finding {
  if (state === 'ok') return { check: 'domain', ok: true, detail: `${domain}: DKIM, SPF and DMARC are well` };
  const wrong = findings.filter(({ required, status }) => required && status !== 'found').map(({ rule }) => rule);
  const todo = `\`npx postern domain check ${domain}\` says what to publish`;
  return { check: 'domain', ok: false, detail: `${domain}: ${[...new Set(wrong)].join(', ')}`, todo };
}

async function checkUpstreams(settings: Settings): Promise<Finding[]> {
  const upstreams = settings.POSTERN_UPSTREAMS;
  if (!upstreams) return [{ check: 'upstreams', ok: true, detail: 'none: mail is captured, not sent' }];
  const tests = await Promise.all(upstreams.map(upstream => testUpstream(upstream, settings)));
  return tests.map(({ name, ok, detail }) => ({
    check: 'upstream',
    ok,
    detail: `${name}: ${detail}`,
    ...(ok ? {} : { todo: 'check host, port, user and password in POSTERN_UPSTREAMS' }),
  }));
}

async function checkMailboxes(settings: Settings): Promise<Finding[]> {
  const mailboxes = settings.POSTERN_BOUNCE_MAILBOXES ?? [];
  if (mailboxes.length === 0) return [];
  const { probeMailbox } = await import('../../bounce/index.ts').then(({ loadMailboxes }) => loadMailboxes());
  return Promise.all(
    mailboxes.map(async (mailbox): Promise<Finding> => {
      const probe = await probeMailbox(mailbox, settings.POSTERN_DNS_SERVERS);
      return {
        check: 'mailbox',
        ok: probe.ok,
        detail: `${mailbox.name}: ${probe.detail}`,
        ...(probe.ok ? {} : { todo: 'check host, port, user, password and folder in POSTERN_BOUNCE_MAILBOXES' }),
      };
    }),
  );
}
