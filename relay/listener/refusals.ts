// What is said of connections that there is no room for: to them, to the log, to the metrics.
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import type { NoRoom } from './session-counts.ts';

export type TellOfRefusal = (rule: NoRoom, remoteAddress: string) => void;

export const NO_ROOM_REPLY: Readonly<Record<NoRoom, string>> = {
  'too-many-sessions': '421 4.7.0 Too many sessions, try again later\r\n',
  'too-many-strangers-of-host': '421 4.7.0 Too many sessions from your address, try again later\r\n',
  'too-many-clients-of-host': '421 4.7.0 Too many sessions from your address, try again later\r\n',
};

/** A flood of connections that there is no room for is not worth a line each. */
const TELL_OF_REFUSALS_EVERY_MS = 10_000;

export function createTellOfRefusal(log: Logger, metrics: Metrics): TellOfRefusal {
  let untold = 0;
  let quietUntil = 0;
  return (rule, remoteAddress) => {
    metrics.sessionsRefused.inc({ rule });
    untold += 1;
    if (performance.now() < quietUntil) return;
    log.warn({ event: 'sessions-refused', rule, remoteAddress, count: untold }, 'sessions-refused');
    quietUntil = performance.now() + TELL_OF_REFUSALS_EVERY_MS;
    untold = 0;
  };
}
