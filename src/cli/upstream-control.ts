// `postern upstream open|close`: no mail goes to an upstream until a person, or the time, says otherwise; and back. Every
// gateway over the database hears of it within a second or two.
import { hostname, userInfo } from 'node:os';
import { closeUpstream, openingByHand, openUpstream } from '../../relay/index.ts';
import type { Settings } from '../platform/settings.ts';
import { Failure, formatSecond, printJson, UsageError, withStore } from './context.ts';

type OpenOptions = { reason?: string; for?: string; json?: boolean };

export async function open(name: string, { json, ...said }: OpenOptions): Promise<void> {
  const opening = openingByHand.safeParse(said);
  if (!opening.success)
    throw new UsageError(opening.error.issues.map(({ path, message }) => `--${path.join('.')} ${message}`).join('; '));
  const { until } = await withStore(({ pool }, settings) => {
    assertKnown(name, settings);
    return openUpstream(pool, name, { ...opening.data, by: whoAmI() });
  });
  if (json) return printJson({ upstream: name, state: 'open-by-hand', until });
  const end = until === null ? `\`npx postern upstream close ${name}\`` : formatSecond(until);
  console.log(`${name} is open by hand: no mail goes there until ${end}.`);
}

export async function close(name: string, { json }: { json?: boolean }): Promise<void> {
  const wasOpen = await withStore(({ pool }, settings) => {
    assertKnown(name, settings);
    return closeUpstream(pool, name, whoAmI());
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
