// Where a run happens: a directory of its own on a real disk, free ports, and waiting with a limit.
import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TMPFS_MAGIC = 0x01021994;

/** Readable for others, since a mail system's daemons drop their rights. */
export function makeHome(name: string, parent: string): string {
  const home = mkdtempSync(join(parent, `postern-bench-${name}-`));
  chmodSync(home, 0o755);
  return home;
}

export function removeHome(home: string): void {
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}

/** On tmpfs fsync does nothing, which would flatter whoever calls it most. */
export function defaultParent(): string {
  return statfsSync(tmpdir()).type === TMPFS_MAGIC ? '/var/tmp' : tmpdir();
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

export function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Looks until the claim holds (true) or the time is up (false). */
export async function waitUntil(
  claim: () => boolean | Promise<boolean>,
  limitMs: number,
  everyMs = 50,
): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  while (!(await claim())) {
    if (performance.now() > endMs) return false;
    await sleep(everyMs);
  }
  return true;
}
