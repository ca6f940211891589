// Looks at every domain's records once an hour, and every five minutes at those whose new keys wait to be seen. Each
// process that watches takes what is due from the same rows: several share the work, and none does another's again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import { listKeys } from '../../src/store/dkim-keys.ts';
import { claimDueDomain } from '../../src/store/domains.ts';
import type { Database } from '../../src/store/schema.ts';
import { type CheckOptions, checkDomain } from './check.ts';
import { settleCheck } from './settle-check.ts';

export type DomainWatch = {
  start(): void;
  /** Does not wait for the DNS: what was asked is asked again in an hour. */
  stop(): Promise<void>;
};

export type DomainWatchOptions = CheckOptions & {
  readonly db: Kysely<Database>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly everyMs?: number;
  readonly waitingEveryMs?: number;
  /** How often due domains are looked for. */
  readonly lookEveryMs?: number;
};

const HOUR_MS = 3_600_000;

export function createDomainWatch(options: DomainWatchOptions): DomainWatch {
  const { db, clock, random, log, everyMs = HOUR_MS, waitingEveryMs = HOUR_MS / 12, lookEveryMs = 60_000 } = options;
  const stopping = new AbortController();
  const stopped = new Promise<null>(resolve => stopping.signal.addEventListener('abort', () => resolve(null)));
  let running: Promise<void> = Promise.resolve();
  return {
    start() {
      running = run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await checkAllDue().catch(error => log.warn({ event: 'domains-not-checked', err: error }, 'domains not checked'));
      // Processes that were started together do not go on together.
      const waitMs = lookEveryMs * (0.5 + random());
      await sleep(waitMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  }

  async function checkAllDue(): Promise<void> {
    while (!stopping.signal.aborted) {
      const due = await claimDueDomain(db, { everyMs, waitingEveryMs });
      if (due === null) return;
      const keys = await listKeys(db, due.domain);
      const check = await Promise.race([checkDomain(due.domain, keys, options, clock()), stopped]);
      if (check === null) return;
      await settleCheck(db, due, check, log);
    }
  }
}
