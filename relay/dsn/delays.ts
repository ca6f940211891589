// Says, once, of each delivery that is still queued some hours after it was to begin that it is delayed. A sweep over time:
// it remembers up to when it came, and looks at what began since, each time one span later.
import type { Clock } from '../../src/platform/clock.ts';
import { firstIdAt } from '../../src/platform/id.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import { type Rounds, startRounds } from '../../src/platform/rounds.ts';
import { takeDelaySweep, tellDelays } from '../../src/store/dsns.ts';
import { inTransaction } from '../../src/store/transaction.ts';

export type DelayOptions = {
  readonly pool: Pool;
  readonly delayWarningMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

const LOOK_EVERY_MS = 60_000;
const AFTER_TROUBLE_MS = 30_000;
/** Of time, looked at in one transaction: after an outage of ours there may be days to catch up with. */
const MAX_SPAN_MS = 3_600_000;

/** Until it is stopped. Several may run: one at a time works. */
export function watchDelays(options: DelayOptions): Rounds {
  return startRounds({
    round: () => sweepDelays(options),
    ...{ everyMs: LOOK_EVERY_MS, afterTroubleMs: AFTER_TROUBLE_MS },
    onTrouble: error => options.log.warn({ err: error }, 'delays not looked for'),
  });
}

/** One span; whether there is more to catch up with. */
export async function sweepDelays({ pool, delayWarningMs, clock, log }: DelayOptions): Promise<boolean> {
  const lateSince = clock() - delayWarningMs;
  const { deliveries, isMore } = await inTransaction(pool, async connection => {
    const until = await takeDelaySweep(connection);
    const from = until?.getTime() ?? lateSince;
    const to = Math.min(lateSince, from + MAX_SPAN_MS);
    if (to <= from) return { deliveries: 0, isMore: false };
    const span = { from: new Date(from), to: new Date(to), fromId: firstIdAt(from), toId: firstIdAt(to) };
    return { deliveries: await tellDelays(connection, span), isMore: to < lateSince };
  });
  if (deliveries > 0) log.info({ event: 'delayed', deliveries }, 'mail is late');
  return isMore;
}
