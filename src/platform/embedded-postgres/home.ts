/**
 * Where the embedded PostgreSQL lives. `base` is the data directory, or, when root borrows another user who cannot enter
 * the data directory, a directory of its own in the shelter; the data directory then remembers it in a file.
 * `<base>/postgres` appears by one rename when it is complete, so what has that name is never half-made.
 */
import { chmod, lstat, mkdir, mkdtemp, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Account, canEnter } from './account.ts';
import { EmbeddedPostgresError } from './error.ts';

export type PostgresHome = {
  readonly base: string;
  readonly directory: string;
  readonly cluster: string;
  readonly passwordFile: string;
  /** A directory, or a symbolic link to one with a shorter name. */
  readonly socketDirectory: string;
  readonly lockFile: string;
};

/** A directory that every OS user may pass through. Used by root only. */
export const SHELTER = '/var/lib/postern';

export function homeIn(base: string, directory = join(base, 'postgres')): PostgresHome {
  return {
    base,
    directory,
    cluster: join(directory, 'cluster'),
    passwordFile: join(directory, 'password'),
    socketDirectory: join(directory, 'socket'),
    lockFile: join(base, 'postgres.lock'),
  };
}

/** The home that the data directory remembers, or the one inside it. */
export async function findHome(dataDir: string): Promise<PostgresHome> {
  const remembered = await readFile(locationFile(dataDir), 'utf8').catch(() => null);
  if (remembered === null) return homeIn(dataDir);
  const base = remembered.trim();
  // Starting with an empty database here would look like all mail lost: a person must decide.
  if (await exists(base)) return homeIn(base);
  throw new EmbeddedPostgresError(
    `the database of ${dataDir} was kept in ${base}, which is gone: restore it, or remove ${locationFile(dataDir)} to begin with an empty one`,
  );
}

/** The home in a place that the account can reach; a database that exists already is never moved. */
export async function reachableHome(
  home: PostgresHome,
  dataDir: string,
  account: Account,
  shelter: string,
): Promise<PostgresHome> {
  if (await canEnter(account, home.base)) return home;
  if (await exists(home.directory)) {
    throw new EmbeddedPostgresError(
      `the user that has to run PostgreSQL (root may not) cannot enter ${home.base}: run Postern as an ordinary user, or move the data directory to where every user may pass`,
    );
  }
  return shelteredHome(dataDir, shelter);
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** A new name each time: who removed a data directory wants to begin anew, not to find its database again. */
async function shelteredHome(dataDir: string, shelter: string): Promise<PostgresHome> {
  try {
    await mkdir(shelter, { recursive: true });
    await chmod(shelter, 0o711);
    const base = await mkdtemp(join(shelter, `${basename(dataDir)}-`));
    await chmod(base, 0o711);
    await writeFile(`${locationFile(dataDir)}.new`, `${base}\n`, { mode: 0o600, flush: true });
    await rename(`${locationFile(dataDir)}.new`, locationFile(dataDir));
    return homeIn(base);
  } catch (cause) {
    throw new EmbeddedPostgresError(`cannot keep the database below ${shelter}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function locationFile(dataDir: string): string {
  return join(dataDir, 'postgres.location');
}
