import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterAll, afterEach } from 'vitest';
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from '../../../src/platform/embedded-postgres/index.ts';

export const isRoot = process.getuid?.() === 0;
export const rootOnly = isRoot ? '' : ' (skipped: needs root)';
/** A container's root usually may not. */
export const canMount = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0;
export const mountOnly = canMount ? '' : ' (skipped: needs the right to mount)';

export type LogLine = { readonly level: string; readonly msg: string; readonly fields: Record<string, unknown> };

/** Everything a test makes: directories, servers, gateways. Cleared after each test, the template after the file. */
export function makeRig() {
  const directories: string[] = [];
  const undo: (() => Promise<unknown> | unknown)[] = [];
  const rig = {
    directory(parent = tmpdir()) {
      const made = mkdtempSync(join(parent, 'pg-test-'));
      directories.push(made);
      return made;
    },
    /** A data directory with a complete, stopped cluster, copied from the one that is made once per test file. */
    async dataDirectory() {
      const directory = rig.directory();
      execFileSync('cp', ['-a', `${await template()}/.`, directory]);
      return directory;
    },
    async start(options: Partial<EmbeddedPostgresOptions> & { dataDir: string }) {
      const lines: LogLine[] = [];
      const database = await startEmbeddedPostgres({ log: recordingLog(lines), ...options });
      undo.push(() => database.stop());
      return { ...database, lines };
    },
    /** The same in a process of its own, which can be killed. */
    gateway(dataDir: string, as: { uid?: number; gid?: number; wrapper?: readonly string[] } = {}) {
      const script = fileURLToPath(new URL('./gateway.ts', import.meta.url));
      const { wrapper = [], ...ids } = as;
      const [file, ...args] = [...wrapper, process.execPath, script, dataDir];
      const child = spawn(file!, args, { stdio: ['ignore', 'pipe', 'inherit'], ...ids });
      undo.push(() => killAndWait(child));
      return { child, said: lineReader(child), kill: () => killAndWait(child) };
    },
    undo: (action: () => Promise<unknown> | unknown) => undo.push(action),
  };
  afterEach(async () => {
    for (const action of undo.splice(0).reverse()) await action();
    for (const directory of directories.splice(0)) await removeDirectory(directory);
  });
  afterAll(async () => {
    if (templateMade) await removeDirectory(await templateMade);
  });
  return rig;
}

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  // A server that is killed under us is what some tests are about.
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Repeats until the attempt does not throw; the test's own timeout is the limit. */
export async function eventually<T>(attempt: () => Promise<T> | T): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch {
      await sleep(20);
    }
  }
}

export function postmasterPid(dataDir: string): number {
  return Number.parseInt(readFileSync(join(dataDir, 'postgres/cluster/postmaster.pid'), 'utf8'), 10);
}

/** All processes that work in the directory or below it, as the kernel sees them. */
export function processesBelow(directory: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => workingDirectory(pid).startsWith(directory));
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

let templateMade: Promise<string> | null = null;

function template(): Promise<string> {
  templateMade ??= makeTemplate();
  return templateMade;
}

async function makeTemplate(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'pg-template-'));
  const database = await startEmbeddedPostgres({ dataDir, log: recordingLog([]) });
  await query(database.url, `create table kept (word text); insert into kept values ('before')`);
  await database.stop();
  return dataDir;
}

/** A server whose gateway a test has killed gets the chance to give back its shared memory. */
async function removeDirectory(directory: string): Promise<void> {
  for (let pids = processesBelow(directory); pids.length > 0; pids = processesBelow(directory)) {
    for (const pid of pids) sendInterrupt(pid);
    await sleep(20);
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

function sendInterrupt(pid: number): void {
  try {
    process.kill(pid, 'SIGINT');
  } catch {
    // Gone since we looked.
  }
}

function recordingLog(lines: LogLine[]) {
  const at = (level: string) => (fields: object, msg: string) => {
    lines.push({ level, msg, fields: fields as Record<string, unknown> });
  };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

function lineReader(child: ChildProcess): () => Promise<Record<string, unknown>> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the gateway ended');
    return JSON.parse(value);
  };
}

async function killAndWait(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
