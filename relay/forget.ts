// Sweeps out what has served its time: the keys by which repeats are known, suppressions that a delivery has refuted.
import type { Logger } from '../src/platform/log.ts';
import type { Pool } from '../src/platform/postgres.ts';
import { deleteExpiredKeys } from '../src/store/accept.ts';
import { forgetPassed } from '../src/store/suppressions.ts';

const EVERY_MS = 60_000;
/** Short transactions: other nodes sweep the same table. */
const KEYS_AT_ONCE = 5_000;

/** Until `stop`, which waits for a sweep under way. */
export function startForgetting(pool: Pool, log: Logger): { stop(): Promise<void> } {
  let sweeping: Promise<void> = Promise.resolve();
  let stopped = false;
  const sweep = async () => {
    while (!stopped && (await deleteExpiredKeys(pool, KEYS_AT_ONCE)) === KEYS_AT_ONCE);
    await forgetPassed(pool);
  };
  const timer = setInterval(() => {
    sweeping = sweeping.then(sweep).catch(error => log.debug({ err: error }, 'left for the next sweep'));
  }, EVERY_MS);
  return {
    async stop() {
      stopped = true;
      clearInterval(timer);
      await sweeping;
    },
  };
}
