import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedLog } from './log.ts';
import type { Server } from './server.ts';

export type Launch = (signal?: AbortSignal) => Promise<Server>;

/**
 * Keeps a server running until stop(): when it ends without being asked, `launch` starts another one, at once the first
 * time, then with growing pauses of up to 2 s, for ever. Rejects only when the very first launch fails.
 */
export async function superviseServer(
  launch: Launch,
  log: EmbeddedLog,
  signal?: AbortSignal,
): Promise<{ stop(): Promise<void> }> {
  const first = await launch(signal);
  const stopping = new AbortController();
  const watch = keepRunning(first, launch, log, stopping.signal);
  return {
    stop: () => {
      stopping.abort();
      return watch;
    },
  };
}

const PAUSES_MS = [0, 100, 250, 500, 1_000, 2_000];
/** A server that lived this long was well; its end does not count as one in a row. */
const WELL_AFTER_MS = 10_000;

async function keepRunning(first: Server, launch: Launch, log: EmbeddedLog, stopping: AbortSignal): Promise<void> {
  const stopped = new Promise<null>(resolve => stopping.addEventListener('abort', () => resolve(null)));
  let failures = 0;
  for (let server: Server | null = first; server !== null; ) {
    const readyAt = performance.now();
    const reason = await Promise.race([server.ended, stopped]);
    if (reason === null) return server.stop();
    log.warn({ event: 'database-ended', pid: server.pid, reason }, 'PostgreSQL ended unexpectedly, starting it again');
    if (performance.now() - readyAt > WELL_AFTER_MS) failures = 0;
    ({ server, failures } = await relaunch(launch, failures, log, stopping));
  }
}

type Relaunch = { readonly server: Server | null; readonly failures: number };

async function relaunch(launch: Launch, earlier: number, log: EmbeddedLog, stopping: AbortSignal): Promise<Relaunch> {
  for (let failures = earlier; ; failures++) {
    const pauseMs = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)];
    await sleep(pauseMs, undefined, { signal: stopping }).catch(() => {});
    if (stopping.aborted) return { server: null, failures };
    try {
      const server = await launch(stopping);
      log.info({ event: 'database-restarted', pid: server.pid }, 'PostgreSQL runs again');
      return { server, failures: failures + 1 };
    } catch (err) {
      if (stopping.aborted) return { server: null, failures };
      log.error({ event: 'database-restart-failed', err, failures }, 'PostgreSQL did not start again, trying on');
    }
  }
}
