// What stands between us and taking mail: a database that does not answer, or a disk that is nearly full. Looked at once
// a second, so that the door can say so without asking anyone.
import { statfs } from 'node:fs/promises';
import type { Logger } from './log.ts';
import type { Pool } from './postgres.ts';

export type Trouble = 'database-unavailable' | 'storage-full';

export type Health = {
  /** null = all is well. */
  readonly trouble: Trouble | null;
  stop(): void;
};

const LOOK_EVERY_MS = 1_000;
const ANSWER_WITHIN_MS = 3_000;
/** PostgreSQL stops dead when it cannot write its log; mail is turned away long before. */
const MIN_FREE_BYTES = 200_000_000;

export function watchHealth(options: { pool: Pool; embeddedDataDir: string | null; log: Logger }): Health {
  const { pool, embeddedDataDir, log } = options;
  let trouble: Trouble | null = null;
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    const found = (await databaseTrouble(pool)) ?? (embeddedDataDir ? await diskTrouble(embeddedDataDir) : null);
    if (found !== trouble) log[found ? 'error' : 'info']({ event: 'health', trouble: found }, found ?? 'well again');
    trouble = found;
    looking = false;
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  return {
    get trouble() {
      return trouble;
    },
    stop: () => clearInterval(timer),
  };
}

async function databaseTrouble(pool: Pool): Promise<Trouble | null> {
  try {
    const query = { text: 'select 1', query_timeout: ANSWER_WITHIN_MS };
    await pool.query(query);
    return null;
  } catch {
    return 'database-unavailable';
  }
}

async function diskTrouble(directory: string): Promise<Trouble | null> {
  // A directory that cannot be looked at is the database's trouble, and told as such.
  const free = await statfs(directory).catch(() => null);
  return free !== null && free.bavail * free.bsize < MIN_FREE_BYTES ? 'storage-full' : null;
}
