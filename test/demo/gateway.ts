// The gateway as a user runs it: `node bin/postern.js start` with an environment, on a temporary data directory. What
// becomes of each message is read off its log, line by line.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ScriptedUpstream } from './upstream.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/postern.js', import.meta.url));
const LOOK_EVERY_MS = 20;
const SETTLED = ['delivered', 'failed', 'expired'];

export type LogLine = {
  readonly event?: string;
  readonly messageId?: string;
  /** `<message id>.<place of the recipient>` */
  readonly deliveryId?: string;
};

export class Gateway {
  readonly user = 'demo-app';
  readonly password = 'demo-password';
  readonly smtpPort: number;
  readonly directory: string;
  readonly #environment: Record<string, string>;
  readonly #log: LogLine[] = [];
  #banner = '';
  #child: ChildProcess | null = null;

  static async prepare(upstreams: { first: ScriptedUpstream; second: ScriptedUpstream }): Promise<Gateway> {
    const directory = await mkdtemp(join(tmpdir(), 'postern-demo-'));
    return new Gateway(directory, await freePort(), upstreams);
  }

  private constructor(
    directory: string,
    smtpPort: number,
    { first, second }: { first: ScriptedUpstream; second: ScriptedUpstream },
  ) {
    this.directory = directory;
    this.smtpPort = smtpPort;
    this.#environment = {
      ...ofTheSystem(),
      POSTERN_DATA_DIR: join(directory, 'data'),
      POSTERN_HOSTNAME: 'gateway.example',
      POSTERN_SMTP_PORT: String(smtpPort),
      POSTERN_HTTP_PORT: 'off',
      POSTERN_UPSTREAMS: `smtp://127.0.0.1:${first.port}?name=first,smtp://127.0.0.1:${second.port}?name=second`,
      POSTERN_RETRY: '1s,2s*',
      POSTERN_BOOTSTRAP_CREDENTIAL: `${this.user}:${this.password}`,
    };
  }

  /** Resolves when it says that it is ready. */
  async start(signal: AbortSignal): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, 'start'], {
      cwd: this.directory,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C is for the tour, which then stops the gateway.
      detached: true,
    });
    this.#child = child;
    this.#banner = '';
    child.stdout.on('data', chunk => {
      this.#banner += chunk;
    });
    createInterface({ input: child.stderr }).on('line', line => this.#log.push(parseLine(line)));
    while (!this.#banner.includes('is ready after')) {
      signal.throwIfAborted();
      if (child.exitCode !== null) throw new Error(`the gateway ended with exit code ${child.exitCode}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** What the command line prints. */
  async postern(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...args], {
      cwd: this.directory,
      env: this.#environment,
    });
    return stdout.trimEnd();
  }

  /** What the message came to for each of so many recipients, in their order, once all have an outcome. */
  async outcomes(messageId: string, recipients: number, signal: AbortSignal): Promise<string[]> {
    for (;;) {
      const settled = this.#log.filter(line => line.messageId === messageId && SETTLED.includes(line.event ?? ''));
      if (settled.length >= recipients) {
        settled.sort((a, b) => (a.deliveryId! < b.deliveryId! ? -1 : 1));
        return settled.map(line => line.event!);
      }
      if (signal.aborted) throw new Error(`waited in vain for the outcome of ${messageId}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** kill -9 of gateway and database, as when the power goes. */
  async kill(): Promise<void> {
    const database = await this.#databasePid();
    const gone = once(this.#child!, 'exit');
    this.#child!.kill('SIGKILL');
    if (database) process.kill(database, 'SIGKILL');
    await gone;
    this.#child = null;
  }

  /** Stops it, however far it came, and removes its directory. */
  async remove(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  lastWords(): string {
    return this.#log
      .slice(-5)
      .map(line => JSON.stringify(line))
      .join('\n');
  }

  async #databasePid(): Promise<number | null> {
    const file = join(this.directory, 'data/postgres/cluster/postmaster.pid');
    return Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10) || null;
  }
}

/** Settings of the machine's own gateway are not meant for this one. */
function ofTheSystem(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TZ', 'LANG', 'TMPDIR'];
  return Object.fromEntries(kept.flatMap(name => (process.env[name] ? [[name, process.env[name]]] : [])));
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line);
  } catch {
    return { event: line };
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}
