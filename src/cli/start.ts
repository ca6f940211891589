// `postern start`: runs the gateway in the foreground until it is told to stop.
import type { Command } from 'commander';
import { type Gateway, startGateway } from '../compose.ts';
import { ConfigError } from '../platform/config.ts';
import { createLog, type Logger } from '../platform/log.ts';
import type { Settings } from '../platform/settings.ts';
import { describePlace } from '../platform/upstream-url.ts';
import { versionOf, watchSettings } from '../platform/watch-settings.ts';
import { VERSION } from '../version.ts';
import { CONFIG_FILE, configFile, Failure, isExpected, readAllSettings } from './context.ts';

/** How long attempts and messages being read may take to end. */
const GRACE_MS = 30_000;
const LEAVE_AFTER_MS = 500;

export function registerStart(program: Command): void {
  program.command('start').description('run the gateway until SIGTERM or SIGINT').action(start);
}

async function start(): Promise<void> {
  const file = configFile() ?? CONFIG_FILE;
  const version = await versionOf(file);
  const settings = readAllSettings();
  const log = createLog(settings.POSTERN_LOG_LEVEL);
  const startedAt = performance.now();
  const stop = stopSignal();
  const gateway = await startGateway(settings, log, stop).catch(error => {
    leaveSoon();
    throw startFailure(error, settings);
  });
  console.log(banner(gateway, settings, performance.now() - startedAt));
  const unwatch = watchSettings(file, version, () => reconfigure(gateway, log));
  if (!stop.aborted) await new Promise(resolve => stop.addEventListener('abort', resolve, { once: true }));
  unwatch();
  log.info({ event: 'stopping' }, 'stopping');
  await gateway.stop(GRACE_MS);
  log.info({ event: 'stopped' }, 'stopped');
  leaveSoon();
}

/** What is wrong is told, and what held before holds on. */
function reconfigure(gateway: Gateway, log: Logger): void {
  try {
    gateway.reconfigure(readAllSettings());
  } catch (error) {
    log.error({ event: 'settings-not-taken', ...whyNot(error) }, 'settings not taken, those from before hold');
  }
}

/** One line, unless nobody has foreseen it. */
function whyNot(error: unknown): { reason: string } | { err: unknown } {
  if (error instanceof ConfigError) return { reason: error.problems.join('; ') };
  return isExpected(error) ? { reason: (error as Error).message } : { err: error };
}

/** Nothing is left to be done; a connection that was being opened, or to a host that went away, would still keep us here. */
function leaveSoon(): void {
  setTimeout(() => process.exit(), LEAVE_AFTER_MS).unref();
}

/** Aborts at the first SIGTERM or SIGINT; a second one ends the program at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort(new Failure(`stopped by ${name}`));
    });
  }
  return controller.signal;
}

function startFailure(error: unknown, settings: Settings): unknown {
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  const where = `${address ?? settings.POSTERN_HOST}:${port}`;
  if (code === 'EADDRINUSE')
    return new Failure(
      `${where} is in use by another program; choose another port (POSTERN_SMTP_PORT, POSTERN_SMTPS_PORT, POSTERN_BOUNCE_SMTP_PORT, POSTERN_HTTP_PORT)`,
    );
  if (code === 'EACCES' && port)
    return new Failure(`${where} may not be listened on by this user; choose a port above 1023`);
  if (code === 'EADDRNOTAVAIL') return new Failure(`${where} is no address of this machine (POSTERN_HOST)`);
  return error;
}

function banner(gateway: Gateway, settings: Settings, startMs: number): string {
  const host = settings.POSTERN_HOST.includes(':') ? `[${settings.POSTERN_HOST}]` : settings.POSTERN_HOST;
  const { ports, firstStart } = gateway;
  const lines = [`Postern ${VERSION} is ready after ${(startMs / 1_000).toFixed(1)} s`, ''];
  const row = (label: string, text: string) => lines.push(`  ${label.padEnd(11)} ${text}`);
  if (ports.smtp !== null) row('SMTP', `${host}:${ports.smtp}  (STARTTLS)`);
  if (ports.smtps !== null) row('SMTP', `${host}:${ports.smtps}  (implicit TLS)`);
  if (ports.bounces !== null) row('Bounces', `${host}:${ports.bounces}  (SMTP, return paths only)`);
  if (ports.http !== null)
    row(
      'Dashboard',
      `http://${host}:${ports.http}/  (${settings.POSTERN_ROLES.has('http') ? 'API, ' : ''}health, metrics)`,
    );
  row('Database', settings.DATABASE_URL ? 'by DATABASE_URL' : `embedded PostgreSQL in ${settings.POSTERN_DATA_DIR}`);
  row('Queue', settings.REDIS_URL ? 'Redis' : 'PostgreSQL');
  row('Upstreams', describeUpstreams(settings));
  if (configFile() !== null) row('Settings', `${configFile()}, and the environment`);
  if (firstStart.credential) row('Credential', shown(firstStart.credential));
  if (firstStart.admin) row('Admin', shown(firstStart.admin));
  if (firstStart.credential || firstStart.admin)
    lines.push('', '  Passwords are shown this once; only their hashes are stored.');
  if (firstStart.credential && ports.smtp !== null) lines.push(...tryIt(firstStart.credential, host, ports.smtp));
  return `\n${lines.join('\n')}\n`;
}

function describeUpstreams(settings: Settings): string {
  const upstreams = settings.POSTERN_UPSTREAMS;
  if (!upstreams) return 'none, so mail is captured: accepted, kept, never sent (POSTERN_UPSTREAMS names some)';
  const names = upstreams.map(upstream => `${upstream.name} (${describePlace(upstream)})`).join(', then ');
  return settings.POSTERN_MODE === 'capture' ? `${names}; unused by default, POSTERN_MODE is capture` : names;
}

function shown({ user, secret }: { user: string; secret: string }): string {
  return `user ${user}   password ${secret}`;
}

function tryIt({ user, secret }: { user: string; secret: string }, host: string, port: number): string[] {
  return [
    '',
    '  Try it:',
    `    swaks --server ${host}:${port} --auth-user ${user} --auth-password ${secret} \\`,
    '          --from you@example.com --to friend@example.net',
    '    npx postern message find --to friend@example.net',
  ];
}
