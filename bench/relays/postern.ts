// Postern as this checkout has it, on its embedded default: no DATABASE_URL, no REDIS_URL, one process.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SENDER_DOMAIN } from '../message.ts';
import type { Login } from '../smtp-session.ts';
import { freePort } from '../workspace.ts';
import { launch, type Relay, type RunningRelay, type Site, stopTree } from './relay.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));
const LOGIN: Login = { user: 'bench', password: 'secret-password' };
const UPSTREAM_CONNECTIONS = 20;

/** `settings` are the environment's POSTERN_… on top of what the bench needs, to compare one with another. */
export function postern(settings: Readonly<Record<string, string>> = {}): Relay {
  return {
    name: 'postern',
    find: () => ({ kind: 'found', version: checkoutVersion() }),
    start: site => startPostern(site, settings),
  };
}

async function startPostern(site: Site, settings: Readonly<Record<string, string>>): Promise<RunningRelay> {
  const httpPort = await freePort();
  const { tree } = await launch({
    program: process.execPath,
    args: ['--max-semi-space-size=4', join(checkout, 'bin/postern.js'), 'start'],
    home: site.home,
    env: { ...environment(site, httpPort), ...settings },
    isReady: () => answersOk(`http://127.0.0.1:${httpPort}/readyz`),
  });
  return { tree, smtpPort: site.smtpPort, login: LOGIN, stop: () => stopTree(tree) };
}

function environment(site: Site, httpPort: number): Record<string, string> {
  return {
    POSTERN_DATA_DIR: join(site.home, 'data'),
    POSTERN_SMTP_PORT: String(site.smtpPort),
    POSTERN_HTTP_PORT: String(httpPort),
    POSTERN_UPSTREAMS: `smtp://127.0.0.1:${site.upstreamPort}?name=sink&connections=${UPSTREAM_CONNECTIONS}`,
    POSTERN_BOOTSTRAP_CREDENTIAL: `${LOGIN.user}:${LOGIN.password}:${SENDER_DOMAIN}`,
    POSTERN_TLS_CERT: site.certificate.cert,
    POSTERN_TLS_KEY: site.certificate.key,
    POSTERN_LOG_LEVEL: 'warn',
  };
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

function checkoutVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  return manifest.version;
}
