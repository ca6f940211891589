// Postern as docker-compose.yml has it: one PostgreSQL, one Redis, and as many processes of each role as are asked for.
// Each has a home of its own below the site's, and in it its data directory: two processes never share one.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres/index.ts';
import { createLog } from '../../src/platform/log.ts';
import { freePort, isListening, waitUntil } from '../workspace.ts';
import { Member } from './member.ts';
import { checkoutVersion, type Environment, environment, LOGIN } from './postern.ts';
import { hasEnded, type Relay, type RunningRelay, type Site } from './relay.ts';

export interface FleetPlan {
  readonly listeners: number;
  readonly dispatchers: number;
  /** What a listener does: `listener,dispatcher` for one process that does it all. */
  readonly listenerRoles?: string;
  /** Of all dispatchers together, at the upstream. */
  readonly connections?: number;
  readonly settings?: Environment;
}

/** Its first listener is where the scenarios that know of one port send to. */
export interface Fleet extends RunningRelay {
  readonly databaseUrl: string;
  readonly listeners: readonly Member[];
  readonly dispatchers: readonly Member[];
}

const REDIS_READY_WITHIN_MS = 20_000;

/** A fleet as a relay among others. */
export function fleetAs(name: string, plan: FleetPlan): Relay {
  return { name, find: () => ({ kind: 'found', version: checkoutVersion() }), start: site => startFleet(site, plan) };
}

/** Resolves when every process is ready; when one is not, none is left. */
export async function startFleet(site: Site, plan: FleetPlan): Promise<Fleet> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    while (stops.length > 0) await stops.pop()!();
  };
  try {
    const postgres = await startEmbeddedPostgres({ dataDir: join(site.home, 'postgres'), log: createLog('silent') });
    stops.push(() => postgres.stop());
    const redis = await startRedis(join(site.home, 'redis'));
    stops.push(redis.stop);
    const members = await manFleet(site, plan, { DATABASE_URL: postgres.url, REDIS_URL: redis.url });
    stops.push(async () => void (await Promise.all(members.all.map(member => member.stop()))));
    // One after the other: the first brings the database up to date.
    for (const member of members.all) await member.start();
    const tree = { rootPid: members.all[0]!.pid, home: site.home };
    const sending = {
      freeze: () => members.dispatchers.forEach(member => void member.freeze()),
      thaw: () => members.dispatchers.forEach(member => void member.thaw()),
    };
    return { tree, smtpPort: site.smtpPort, login: LOGIN, databaseUrl: postgres.url, ...members, sending, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function manFleet(site: Site, plan: FleetPlan, servers: Environment) {
  const common = {
    ...environment(site, plan.connections),
    ...servers,
    POSTERN_SECRET_KEY: randomBytes(32).toString('base64'),
    ...plan.settings,
  };
  const listeners: Member[] = [];
  for (let index = 1; index <= plan.listeners; index += 1) {
    const port = index === 1 ? site.smtpPort : await freePort();
    const env = { ...common, POSTERN_ROLES: plan.listenerRoles ?? 'listener', POSTERN_SMTP_PORT: String(port) };
    listeners.push(new Member({ name: `listener-${index}`, parent: site.home, env, smtpPort: port }));
  }
  const env = { ...common, POSTERN_ROLES: 'dispatcher' };
  const dispatchers = Array.from(
    { length: plan.dispatchers },
    (_, index) => new Member({ name: `dispatcher-${index + 1}`, parent: site.home, env, smtpPort: null }),
  );
  return { listeners, dispatchers, all: [...listeners, ...dispatchers] };
}

async function startRedis(directory: string): Promise<{ url: string; stop(): Promise<void> }> {
  mkdirSync(directory);
  const port = await freePort();
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
  const child = spawn('redis-server', [...place, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
  await once(child, 'spawn').catch(error => {
    throw new Error('not installed: redis-server (apt-get install redis-server)', { cause: error });
  });
  const stop = () => ended(child);
  const isReady = await waitUntil(() => hasEnded(child) || isListening(port), REDIS_READY_WITHIN_MS);
  if (isReady && !hasEnded(child)) return { url: `redis://127.0.0.1:${port}/0`, stop };
  await stop();
  throw new Error('redis-server did not get ready');
}

async function ended(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
