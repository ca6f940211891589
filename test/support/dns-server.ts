// dnsmasq with a zone that the test writes, on a port of its own on this machine.
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { promises } from 'node:dns';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { PATH } from './programs.ts';

export type DnsServer = {
  /** For POSTERN_DNS_SERVERS. */
  readonly address: string;
  /** Zone-file lines, as our commands print them; the whole zone from now on. Nothing else exists. */
  publish(lines: readonly string[]): Promise<void>;
  /** Answers nothing any more. */
  stop(): Promise<void>;
};

/** `options` in dnsmasq's own words, beside the zone. */
export async function startDnsServer(options: readonly string[] = []): Promise<DnsServer> {
  const directory = mkdtempSync(join(tmpdir(), 'dns-'));
  const port = await freePort();
  let child: ChildProcess | null = null;
  let generation = 0;

  async function end(): Promise<void> {
    if (!child) return;
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
    child = null;
  }

  async function publish(lines: readonly string[]): Promise<void> {
    await end();
    generation += 1;
    const path = join(directory, 'dnsmasq.conf');
    const marker = `txt-record=generation.test,"${generation}"`;
    writeFileSync(path, [...fixed(port), ...options, marker, ...lines.map(asOption), ''].join('\n'));
    child = spawn('dnsmasq', ['--keep-in-foreground', `--conf-file=${path}`], { env: { PATH }, stdio: 'ignore' });
    const resolver = new promises.Resolver({ timeout: 200, tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
    await eventually(async () => {
      const [[answer]] = (await resolver.resolveTxt('generation.test')) as [[string]];
      if (answer !== `${generation}`) throw new Error('still the zone before');
    });
  }

  await publish([]);
  return {
    address: `127.0.0.1:${port}`,
    publish,
    async stop() {
      await end();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function fixed(port: number): string[] {
  return [
    ...[`port=${port}`, 'listen-address=127.0.0.1', 'bind-interfaces', 'no-resolv', 'no-hosts', 'local=/#/'],
    // Alone, and as whoever runs the tests.
    ...['user=', 'group=', 'pid-file='],
  ];
}

/** `name. 3600 IN TXT "…" "…"`, `name. 3600 IN MX 10 host.` or `name. 3600 IN A 127.0.0.1` */
function asOption(line: string): string {
  const [, name, type, value] = /^(\S+)\. 3600 IN (TXT|MX|A) (.*)$/.exec(line) ?? [];
  if (type === 'TXT') return `txt-record=${name},${value!.replaceAll('" "', '","')}`;
  if (type === 'A') return `host-record=${name},${value}`;
  const [priority, host] = value!.split(' ');
  return `mx-host=${name},${host!.replace(/\.$/, '')},${priority}`;
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>(resolve => socket.close(() => resolve()));
  return port;
}
