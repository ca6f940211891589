import { chmod, lstat, mkdir, mkdtemp, readlink, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Account, handOver } from './account.ts';
import { DATABASE, ROLE } from './cluster.ts';
import type { PostgresHome } from './home.ts';
import { PORT } from './settings.ts';

/**
 * An empty directory for the server's socket: inside the home, or, where the socket's name would be too long for the
 * kernel, in the temporary directory, with a link to it in the home. What an earlier start left there is removed.
 */
export async function makeSocketDirectory(home: PostgresHome, account: Account): Promise<string> {
  await removeSocketDirectory(home);
  if (fits(home.socketDirectory)) {
    await mkdir(home.socketDirectory);
    return secured(home.socketDirectory, account);
  }
  const parent = fits(join(tmpdir(), `${TEMPORARY_PREFIX}XXXXXX`)) ? tmpdir() : '/tmp';
  const short = await mkdtemp(join(parent, TEMPORARY_PREFIX));
  await symlink(short, home.socketDirectory);
  return secured(short, account);
}

export async function removeSocketDirectory(home: PostgresHome): Promise<void> {
  const elsewhere = await readlink(home.socketDirectory).catch(() => null);
  if (elsewhere !== null && basename(elsewhere).startsWith(TEMPORARY_PREFIX) && (await isOurs(elsewhere))) {
    await rm(elsewhere, { recursive: true, force: true });
  }
  await rm(home.socketDirectory, { recursive: true, force: true });
}

/** Where the server that runs in this home listens. */
export async function currentSocketDirectory(home: PostgresHome): Promise<string> {
  return readlink(home.socketDirectory).catch(() => home.socketDirectory);
}

/**
 * The socket directory stands percent-encoded where other URLs have a host; pg, libpq and everything built on them read
 * it so. Port and sslmode are explicit because pg would otherwise take them from PGPORT and PGSSLMODE.
 */
export function connectionUrl(socketDirectory: string, password: string): string {
  return `postgres://${ROLE}:${password}@${encodeURIComponent(socketDirectory)}:${PORT}/${DATABASE}?sslmode=disable`;
}

const TEMPORARY_PREFIX = 'postern-';
/** sockaddr_un holds 108 bytes (macOS: 104), the last one a NUL. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'darwin' ? 103 : 107;

function fits(directory: string): boolean {
  return Buffer.byteLength(join(directory, `.s.PGSQL.${PORT}`)) <= MAX_SOCKET_PATH_BYTES;
}

async function secured(directory: string, account: Account): Promise<string> {
  await chmod(directory, 0o700);
  await handOver(account, [directory]);
  return directory;
}

/** The link may be from before a reboot, and its name somebody else's by now. */
async function isOurs(directory: string): Promise<boolean> {
  const uid = process.getuid?.();
  return lstat(directory).then(
    found => found.isDirectory() && (uid === 0 || found.uid === uid),
    () => false,
  );
}
