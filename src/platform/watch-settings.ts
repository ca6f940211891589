// Tells when postern.yaml has changed, or SIGHUP came: some settings can change while the gateway runs.
import { statSync, unwatchFile, watchFile } from 'node:fs';

const LOOK_EVERY_MS = 2_000;
/** Whoever empties a file before it writes it leaves a moment in which it is right, and says nothing. */
const QUIET_FOR_MS = 500;

type Version = { readonly mtimeMs: number; readonly size: number };

/** Calls `onChange` until the returned function is called. The file need not be there yet. */
export function watchSettings(file: string, onChange: () => void): () => void {
  let settling: NodeJS.Timeout | undefined;
  const look = (now: Version, before: Version) => {
    if (isSame(now, before)) return;
    clearTimeout(settling);
    // Should it have changed again, the next look finds that.
    settling = setTimeout(() => {
      if (isSame(now, versionOf(file))) onChange();
    }, QUIET_FOR_MS).unref();
  };
  process.on('SIGHUP', onChange);
  // Not by inotify: editors put another file in its place, and volumes of containers tell nothing.
  watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, look);
  return () => {
    process.off('SIGHUP', onChange);
    clearTimeout(settling);
    unwatchFile(file, look);
  };
}

function isSame(one: Version, other: Version): boolean {
  return one.mtimeMs === other.mtimeMs && one.size === other.size;
}

/** As `watchFile` has it: zeros where there is none. */
function versionOf(file: string): Version {
  return statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0 };
}
