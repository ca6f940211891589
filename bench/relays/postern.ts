// Postern as this checkout has it, on its embedded default: no DATABASE_URL, no REDIS_URL, one process.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SENDER_DOMAIN } from '../message.ts';
import type { Login } from '../smtp-session.ts';
import { freePort } from '../workspace.ts';
import { launch, type Relay, type RunningRelay, type Site, stopTree } from './relay.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));
export const LOGIN: Login = { user: 'bench', password: 'secret-password' };
const PROGRAM = join(checkout, 'bin/postern.js');
const UPSTREAM_CONNECTIONS = 20;

/** How its credential is treated and its domain is known, by the names that `--relays` takes. */
const VARIANTS = {
  /** As it comes. */
  postern: { settings: {}, commands: [] },
  /** Nothing is looked at that can be switched off: what the rest costs. */
  'postern-plain': {
    settings: { POSTERN_REPEAT_WINDOW: 'off' },
    commands: [['credential', 'set', LOGIN.user, '--authentication', 'off', '--control-headers', 'ignore']],
  },
  /** Each message gets an RSA and an Ed25519 signature. */
  'postern-signed': {
    settings: {},
    commands: [
      ['domain', 'add', SENDER_DOMAIN],
      ['domain', 'dkim', SENDER_DOMAIN, '--now'],
    ],
  },
} as const;

export type Environment = Readonly<Record<string, string>>;
type Commands = readonly (readonly string[])[];

/** `settings` are the environment's POSTERN_… on top of what the bench needs, to compare one with another. */
export function posternVariants(settings: Environment = {}): Relay[] {
  return Object.entries(VARIANTS).map(([name, variant]) =>
    posternAs(name, () => ({ ...variant.settings, ...settings }), variant.commands),
  );
}

/** Postern under another name, with settings that may depend on where it runs. */
export function posternAs(name: string, settings: (site: Site) => Environment, commands: Commands = []): Relay {
  return {
    name,
    find: () => ({ kind: 'found', version: checkoutVersion() }),
    start: site => startPostern(site, settings(site), commands),
  };
}

async function startPostern(site: Site, settings: Environment, commands: Commands): Promise<RunningRelay> {
  const env = { ...environment(site), POSTERN_DATA_DIR: join(site.home, 'data'), ...settings };
  const { tree } = await launchPostern(site.home, env);
  for (const command of commands) {
    const options = { cwd: site.home, env: { ...process.env, ...env }, encoding: 'utf8' as const };
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...command], options);
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  }
  return { tree, smtpPort: site.smtpPort, login: LOGIN, stop: () => stopTree(tree) };
}

/** One process of it, on an HTTP port of its own; resolves when it is ready. */
export async function launchPostern(home: string, env: Environment): ReturnType<typeof launch> {
  const httpPort = await freePort();
  return launch({
    program: process.execPath,
    args: ['--max-semi-space-size=4', PROGRAM, 'start'],
    ...{ home, env: { ...env, POSTERN_HTTP_PORT: String(httpPort) } },
    isReady: () => answersOk(`http://127.0.0.1:${httpPort}/readyz`),
  });
}

/** What every process of Postern needs here, whatever its role. */
export function environment(site: Site, connections = UPSTREAM_CONNECTIONS): Record<string, string> {
  return {
    POSTERN_SMTP_PORT: String(site.smtpPort),
    POSTERN_UPSTREAMS: upstreamUrl('sink', '127.0.0.1', site.upstreamPort, connections),
    POSTERN_BOOTSTRAP_CREDENTIAL: `${LOGIN.user}:${LOGIN.password}:${SENDER_DOMAIN}`,
    POSTERN_TLS_CERT: site.certificate.cert,
    POSTERN_TLS_KEY: site.certificate.key,
    POSTERN_LOG_LEVEL: 'warn',
    // Nobody listens there: an answer, if a sad one, from where every machine has it.
    POSTERN_DNS_SERVERS: '127.0.0.1:1',
    // 20 sessions a scenario and more log in at once, from one address.
    POSTERN_MAX_SESSIONS_PER_IP: '1000',
    POSTERN_MAX_CLIENT_SESSIONS_PER_IP: '1000',
  };
}

export function upstreamUrl(name: string, host: string, port: number, connections = UPSTREAM_CONNECTIONS): string {
  return `smtp://${host}:${port}?name=${name}&connections=${connections}`;
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

export function checkoutVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  return manifest.version;
}
