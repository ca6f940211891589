// Whether what runs goes by the settings that a command reads: postern.yaml may have been changed since, or not been taken,
// and then all that is told of upstreams and routes is of a gateway that is not there yet.
import { digestOf } from '../platform/live-settings.ts';
import type { Pool } from '../platform/postgres.ts';
import type { Settings } from '../platform/settings.ts';
import { listDispatchers } from '../store/dispatchers.ts';
import { isReady } from './check-gateway.ts';

/** What differs, in words; null = nothing, or nobody runs. */
export async function otherSettings(pool: Pool, settings: Settings): Promise<string | null> {
  const names = (settings.POSTERN_UPSTREAMS ?? []).map(({ name }) => name);
  const dispatchers = await listDispatchers(pool);
  const digest = digestOf(settings);
  const others = dispatchers.filter(({ settingsDigest }) => settingsDigest !== null && settingsDigest !== digest);
  const [other] = others;
  if (other) {
    const isAboutNames = other.upstreams.join() !== names.join();
    const by = isAboutNames ? `${other.upstreams.join(', ')}, not by ${names.join(', ') || 'none'}` : 'other settings';
    return `what runs goes by ${isAboutNames ? 'upstreams ' : ''}${by} (dispatcher ${other.node}): ${UNTIL}`;
  }
  if (dispatchers.length > 0 || names.length === 0 || !(await isReady(settings))) return null;
  return 'what runs sends nothing: it was started without upstreams, and captures; or it has no dispatcher, and mail waits';
}

const UNTIL = 'postern.yaml is taken within seconds, unless it is wrong, or a restart is needed (the log says which)';

/** On standard error, beside an answer that may not be true. */
export async function warnOfOtherSettings(pool: Pool, settings: Settings): Promise<void> {
  const other = await otherSettings(pool, settings);
  if (other !== null) console.error(`postern: ${other}`);
}
