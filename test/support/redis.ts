// Debian's redis-server, on a port that was free, keeping nothing on disk; it can die and come back.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export class RedisServer {
  readonly port: number;
  readonly #directory: string;
  #child: ChildProcess | null = null;

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), await mkdtemp(join(tmpdir(), 'redis-')));
    await server.start();
    return server;
  }

  private constructor(port: number, directory: string) {
    this.port = port;
    this.#directory = directory;
  }

  /** For REDIS_URL. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  /** Again, on the port that it had; resolves when it answers. */
  async start(): Promise<void> {
    const place = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#directory];
    this.#child = spawn('redis-server', [...place, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
    const client = new Redis({ port: this.port, maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    await client.ping();
    client.disconnect();
  }

  async kill(): Promise<void> {
    const ended = once(this.#child!, 'exit');
    this.#child!.kill('SIGKILL');
    await ended;
  }

  /** For good. */
  async end(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}
