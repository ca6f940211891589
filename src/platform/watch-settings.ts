// Tells when postern.yaml has changed, or SIGHUP came: some settings can change while the gateway runs.
import { unwatchFile, watchFile } from 'node:fs';

const LOOK_EVERY_MS = 2_000;

/** Calls `onChange` until the returned function is called. The file need not be there yet. */
export function watchSettings(file: string, onChange: () => void): () => void {
  const look = (now: { mtimeMs: number; size: number }, before: { mtimeMs: number; size: number }) => {
    if (now.mtimeMs !== before.mtimeMs || now.size !== before.size) onChange();
  };
  process.on('SIGHUP', onChange);
  // Not by inotify: editors put another file in its place, and volumes of containers tell nothing.
  watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, look);
  return () => {
    process.off('SIGHUP', onChange);
    unwatchFile(file, look);
  };
}
