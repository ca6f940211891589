// Wake-ups between processes and over time, on BullMQ: over Redis when there is one, else over PostgreSQL. A job says
// "look at the deliveries now" and carries nothing that would be missed: when Redis is flushed, the next sweep of the
// database finds what was due.
import { setTimeout as sleep } from 'node:timers/promises';
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { newId } from './id.ts';
import type { Logger } from './log.ts';
import { ListeningClient } from './postgres.ts';

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
/** Fresh mail that another process is to send is looked for this often at most. */
const MIN_GAP_MS = 10;
/** With its server away BullMQ waits for it, for ever; nobody else has to. */
const PATIENCE_MS = 2_000;
const patience = () => sleep(PATIENCE_MS, undefined, { ref: false });
const COMPLAIN_EVERY_MS = 60_000;
const RECONNECT_MS = 1_000;

export type WakeQueueOptions = {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  readonly log: Logger;
};

export function createWakeQueue(options: WakeQueueOptions): WakeQueue {
  const { log } = options;
  const degraded = complaint(log);
  const { queue, newWorker, end } = options.redisUrl
    ? overRedis(options.redisUrl, degraded)
    : overPostgres(options.databaseUrl);
  queue.on('error', degraded);
  const add = async (jobId: string, delay: number) => {
    await queue.add('wake', {}, { jobId, delay, removeOnComplete: true, removeOnFail: true });
  };
  let isClosed = false;
  let listening: Promise<Worker | null> = Promise.resolve(null);
  const spans = new Set<number>();
  let wakingNow = false;
  let askedAgain = false;

  const wakeLater = (delayMs: number) => {
    const span = Math.ceil((Date.now() + delayMs) / SPAN_MS);
    if (spans.has(span)) return;
    spans.add(span);
    setTimeout(() => spans.delete(span), SPAN_MS + delayMs).unref();
    add(`wake-${span}`, span * SPAN_MS - Date.now()).catch(degraded);
  };
  /** Whoever asks while a wake-up is on its way gets one more behind it: the first may have looked too early. */
  const wakeSoon = async () => {
    askedAgain = wakingNow;
    if (wakingNow) return;
    wakingNow = true;
    await Promise.all([add(`wake-${newId(Date.now())}`, 0).catch(degraded), sleep(MIN_GAP_MS)]);
    wakingNow = false;
    if (askedAgain) void wakeSoon();
  };

  /**
   * A worker runs only once its connection stands: BullMQ remembers a first connection that failed, and would ask for it
   * again and again without a pause, so that nothing else in the process got a turn.
   */
  const listen = async (onWake: () => void): Promise<Worker | null> => {
    while (!isClosed) {
      const worker = newWorker(async () => onWake());
      worker.on('error', degraded);
      try {
        await worker.waitUntilReady();
        void worker.run().catch(degraded);
        return worker;
      } catch (error) {
        degraded(error as Error);
        await worker.close(true).catch(degraded);
        await sleep(RECONNECT_MS, undefined, { ref: false });
      }
    }
    return null;
  };

  return {
    wake: delayMs => (delayMs > 0 ? wakeLater(delayMs) : void wakeSoon()),
    wakeNow: () => Promise.race([add(`wake-${newId(Date.now())}`, 0), patience()]).catch(degraded),
    listen(onWake) {
      listening = listen(onWake);
    },
    counts: () => queue.getJobCounts(),
    async close() {
      isClosed = true;
      const worker = listening.then(started => started?.close(true));
      await Promise.race([Promise.allSettled([worker, queue.close()]), patience()]);
      await end();
    },
  };
}

type Parts = { queue: Queue; newWorker: (handler: () => Promise<void>) => Worker; end: () => Promise<void> };

/** Without the queue mail is late by one sweep: worth a line now and then, not one for each try. */
function complaint(log: Logger): (error: Error) => void {
  let quietUntil = 0;
  return error => {
    if (Date.now() < quietUntil) return;
    quietUntil = Date.now() + COMPLAIN_EVERY_MS;
    log.warn({ event: 'queue-unavailable', err: error }, 'queue unavailable, the sweep goes on');
  };
}

function overRedis(url: string, degraded: (error: Error) => void): Parts {
  // BullMQ's blocking connection must wait for ever; its commands must not be lost while Redis restarts.
  const connection = new Redis(url, { maxRetriesPerRequest: null, lazyConnect: true });
  connection.on('error', degraded);
  return {
    queue: new Queue(QUEUE, { connection }),
    newWorker: handler => new Worker(QUEUE, handler, { connection, autorun: false }),
    end: async () => connection.disconnect(),
  };
}

function overPostgres(url: string): Parts {
  const pool = { connectionString: url, max: 3, application_name: 'postern-queue', Client: ListeningClient };
  const connection = { ...pool, migrate: true };
  return {
    queue: new Queue(QUEUE, { connection }, createPostgresBackend) as unknown as Queue,
    newWorker: handler =>
      new Worker(QUEUE, handler, { connection, autorun: false }, createPostgresBackend) as unknown as Worker,
    end: async () => undefined,
  };
}
