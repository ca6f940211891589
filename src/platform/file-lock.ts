/**
 * A lock on a file, held by one process, given back by the kernel however that process ends.
 *
 * Node has no flock(2). SQLite, which it brings along, takes portable fcntl locks, so an exclusive transaction on an
 * empty database is our lock. Preferred to a file with pid and start time: nothing can be stale, pids can be reused,
 * two containers on one volume see each other, and it works where there is no /proc.
 *
 * The scar of fcntl: a process that opens and closes the locked file by other means loses its lock. Nothing but this
 * file may open it; the holder's pid therefore stands in a neighbour, `<path>.pid`, and is only for people to read.
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

export type FileLock = { release(): void };

/** Takes the lock, or returns null when somebody holds it. Throws when the file cannot be written. */
export function takeFileLock(path: string): FileLock | null {
  const database = lockExclusively(path);
  if (database === null) return null;
  try {
    chmodSync(path, 0o600);
    writeFileSync(holderFile(path), `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    unlock(database);
    throw error;
  }
  return { release: once(() => giveBack(path, database)) };
}

/** Whether somebody, perhaps this process, holds the lock right now. */
export function isFileLocked(path: string): boolean {
  const database = lockExclusively(path);
  if (database !== null) unlock(database);
  return database === null;
}

/** The pid that took the lock last; only worth showing while the lock is held. */
export function lockHolder(path: string): string {
  try {
    return readFileSync(holderFile(path), 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

/** The garbage collector closes a database that nobody refers to, and with it goes the lock. Ours end by release() only. */
const held = new Set<DatabaseSync>();

const SQLITE_BUSY = 5;
/** Long enough to outlast somebody who only looks (isFileLocked); blocks this process, so short. */
const BUSY_WAIT_MS = 150;

function lockExclusively(path: string): DatabaseSync | null {
  const database = new DatabaseSync(path, { timeout: BUSY_WAIT_MS });
  try {
    // The journal in memory: no second file beside the lock.
    database.exec('pragma journal_mode = memory; begin exclusive');
    held.add(database);
    return database;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw error;
  }
}

function giveBack(path: string, database: DatabaseSync): void {
  // The file itself stays: removing a lock file lets two holders lock two different files of one name.
  rmSync(holderFile(path), { force: true });
  unlock(database);
}

function unlock(database: DatabaseSync): void {
  held.delete(database);
  database.close();
}

function holderFile(path: string): string {
  return `${path}.pid`;
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
