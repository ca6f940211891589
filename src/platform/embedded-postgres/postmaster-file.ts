import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresHome } from './home.ts';

/** What the server says about itself in `<cluster>/postmaster.pid`; null when there is none or it is being written. */
export type PostmasterFile = { readonly pid: number; readonly isReady: boolean };

/** Line 1 is the pid, line 8 the status: starting, stopping, ready (src/include/utils/pidfile.h of PostgreSQL). */
export async function readPostmasterFile(home: PostgresHome): Promise<PostmasterFile | null> {
  const text = await readFile(join(home.cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!(pid > 0)) return null;
  return { pid, isReady: lines[7]?.trim() === 'ready' };
}
