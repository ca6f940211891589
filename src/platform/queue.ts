// Wake-ups between processes and over time, on BullMQ: over Redis when there is one, else over PostgreSQL. A job says
// "look at the deliveries now" and carries nothing that would be missed: when Redis is flushed, the next sweep of the
// database finds what was due.
import { setTimeout as sleep } from 'node:timers/promises';
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Logger } from './log.ts';

export type WakeQueue = {
  /** Wakes one dispatcher, now or later. Wake-ups for the same span of time are one job. */
  wake(delayMs: number): void;
  /** Wakes one dispatcher and resolves when the job is in the queue, or the queue is known to be away. */
  wakeNow(): Promise<void>;
  /** Calls `onWake` for each job until the queue is closed. */
  listen(onWake: () => void): void;
  counts(): Promise<Record<string, number>>;
  close(): Promise<void>;
};

const QUEUE = 'postern-deliveries';
/** Retries are minutes apart: that many milliseconds of them share a job. */
const SPAN_MS = 1_000;
const CLOSE_WITHIN_MS = 3_000;

export type WakeQueueOptions = {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  readonly log: Logger;
};

export function createWakeQueue(options: WakeQueueOptions): WakeQueue {
  const { log } = options;
  const { queue, newWorker, end } = options.redisUrl
    ? overRedis(options.redisUrl, log)
    : overPostgres(options.databaseUrl);
  // Without the queue mail is late by one sweep; that is worth a line, not more.
  const degraded = (error: Error) => log.warn({ err: error }, 'queue unavailable, the sweep goes on');
  queue.on('error', degraded);
  const add = async (jobId: string, delay: number) => {
    await queue.add('wake', {}, { jobId, delay, removeOnComplete: true, removeOnFail: true });
  };
  let worker: Worker | null = null;
  const pending = new Set<number>();
  return {
    wake(delayMs) {
      const span = Math.ceil((Date.now() + delayMs) / SPAN_MS);
      if (pending.has(span)) return;
      pending.add(span);
      setTimeout(() => pending.delete(span), SPAN_MS + delayMs).unref();
      const delay = Math.max(0, delayMs > 0 ? span * SPAN_MS - Date.now() : 0);
      add(`wake-${span}-${delayMs > 0 ? 'later' : 'now'}`, delay).catch(degraded);
    },
    wakeNow: () => add(`wake-${Date.now()}-by-hand`, 0).catch(degraded),
    listen(onWake) {
      worker = newWorker(async () => onWake());
      worker.on('error', degraded);
    },
    counts: () => queue.getJobCounts(),
    async close() {
      // With its database away BullMQ waits for it; we have said all that we had to say.
      const patience = sleep(CLOSE_WITHIN_MS, undefined, { ref: false });
      await Promise.race([Promise.allSettled([worker?.close(true), queue.close()]), patience]);
      await end();
    },
  };
}

type Parts = { queue: Queue; newWorker: (handler: () => Promise<void>) => Worker; end: () => Promise<void> };

function overRedis(url: string, log: Logger): Parts {
  // BullMQ's blocking connection must wait for ever; its commands must not be lost while Redis restarts.
  const connection = new Redis(url, { maxRetriesPerRequest: null, lazyConnect: true });
  connection.on('error', error => log.warn({ err: error }, 'redis unavailable'));
  return {
    queue: new Queue(QUEUE, { connection }),
    newWorker: handler => new Worker(QUEUE, handler, { connection }),
    end: async () => connection.disconnect(),
  };
}

function overPostgres(url: string): Parts {
  const connection = { connectionString: url, max: 3, application_name: 'postern-queue', migrate: true };
  return {
    queue: new Queue(QUEUE, { connection }, createPostgresBackend) as unknown as Queue,
    newWorker: handler => new Worker(QUEUE, handler, { connection }, createPostgresBackend) as unknown as Worker,
    end: async () => undefined,
  };
}
