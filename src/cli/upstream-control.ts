// `postern upstream open|close`: no mail goes to an upstream until a person, or the time, says otherwise; and back. Every
// gateway over the database hears of it within a second or two.
import { hostname, userInfo } from 'node:os';
import { parseDuration } from '../platform/duration.ts';
import type { Settings } from '../platform/settings.ts';
import { changeCircuits, closeByHand, openByHand } from '../store/circuits.ts';
import { Failure, formatSecond, printJson, withStore } from './context.ts';

const LONGEST_MS = 365 * 86_400_000;
const MAX_REASON = 500;

type OpenOptions = { reason?: string; for?: string; json?: boolean };

export async function open(name: string, { reason, for: duration, json }: OpenOptions): Promise<void> {
  const forMs = duration === undefined ? null : parseDuration(duration);
  if (duration !== undefined && (forMs === null || forMs === 0 || forMs > LONGEST_MS))
    throw new Failure('--for is a duration of at most a year: 30m, 2h, 7d');
  const why = reason?.trim() || null;
  if (why !== null && why.length > MAX_REASON) throw new Failure(`--reason has more than ${MAX_REASON} characters`);
  const { until } = await withStore(({ pool }, settings) => {
    assertKnown(name, settings);
    return changeCircuits(pool, connection =>
      openByHand(connection, { upstream: name, by: whoAmI(), reason: why, forMs }),
    );
  });
  if (json) return printJson({ upstream: name, state: 'open-by-hand', until });
  const end = until === null ? `\`npx postern upstream close ${name}\`` : formatSecond(until);
  console.log(`${name} is open by hand: no mail goes there until ${end}.`);
}

export async function close(name: string, { json }: { json?: boolean }): Promise<void> {
  const wasOpen = await withStore(({ pool }, settings) => {
    assertKnown(name, settings);
    return changeCircuits(pool, connection => closeByHand(connection, name, whoAmI()));
  });
  if (json) return printJson({ upstream: name, state: 'closed', wasOpen });
  console.log(wasOpen ? `${name} may have mail again.` : `${name} was not open: nothing to close.`);
}

function assertKnown(name: string, { POSTERN_UPSTREAMS }: Settings): void {
  const names = (POSTERN_UPSTREAMS ?? []).map(upstream => upstream.name);
  if (names.includes(name)) return;
  const known = names.length > 0 ? `there are ${names.join(', ')}` : 'there are none (POSTERN_UPSTREAMS)';
  throw new Failure(`there is no upstream ${name}: ${known}`);
}

/** For the event: who did it, as far as this machine knows. */
function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container's user may have a number and no name.
    return `${process.getuid?.() ?? 'somebody'}@${hostname()}`;
  }
}
