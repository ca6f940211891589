// Tells when postern.yaml has changed, or SIGHUP came: some settings can change while the gateway runs.
import { stat } from 'node:fs/promises';

/** Not by inotify: editors put another file in its place, and volumes of containers tell nothing. */
const LOOK_EVERY_MS = 1_000;

/** Null: there is no such file. */
export type FileVersion = { readonly mtimeMs: number; readonly size: number } | null;

export async function versionOf(file: string): Promise<FileVersion> {
  const found = await stat(file).catch(() => null);
  return found && { mtimeMs: found.mtimeMs, size: found.size };
}

/**
 * Calls `onChange` until the returned function is called, when the file is another one than at `since`, and has been so for
 * two looks: whoever empties a file before it writes it leaves a moment in which it is right, and says nothing.
 */
export function watchSettings(file: string, since: FileVersion, onChange: () => void): () => void {
  let known = since;
  let seen = since;
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    const now = await versionOf(file);
    isLooking = false;
    const stands = isSame(now, seen);
    seen = now;
    if (!stands || isSame(now, known)) return;
    known = now;
    onChange();
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS).unref();
  process.on('SIGHUP', onChange);
  return () => {
    process.off('SIGHUP', onChange);
    clearInterval(timer);
  };
}

function isSame(one: FileVersion, other: FileVersion): boolean {
  return one?.mtimeMs === other?.mtimeMs && one?.size === other?.size;
}
