/**
 * Who runs PostgreSQL. It refuses to run as root, and root is who a fresh server or container has:
 * - an ordinary user runs it itself;
 * - root runs it in a user namespace where root is called uid 1000: files stay root's, /root (mode 700) can be entered;
 * - root where user namespaces are forbidden (Docker's default profile, hardened kernels) borrows another OS user.
 * Whoever owns an existing cluster runs it, so that one `sudo npm start` does not take the files from their user.
 */
import { readFile, stat } from 'node:fs/promises';
import { EmbeddedPostgresError } from './error.ts';
import { type Program, runProgram } from './run-program.ts';

export type Account =
  | { readonly kind: 'self' }
  | { readonly kind: 'user-namespace' }
  | { readonly kind: 'other-user'; readonly uid: number; readonly gid: number };

export async function chooseAccount(existingCluster: string, signal?: AbortSignal): Promise<Account> {
  if (process.getuid?.() !== 0) return { kind: 'self' };
  const owner = await ownerOf(existingCluster);
  if (owner !== null && owner.uid !== 0) return { kind: 'other-user', ...owner };
  if (await canUseUserNamespace(signal)) return { kind: 'user-namespace' };
  return otherUser();
}

/** The OS user that root borrows: `postgres` where there is one, else `nobody`. */
export async function otherUser(): Promise<Account> {
  const users = await readFile('/etc/passwd', 'utf8');
  for (const name of ['postgres', 'nobody']) {
    const entry = users.split('\n').find(line => line.startsWith(`${name}:`));
    const [, , uid, gid] = entry?.split(':') ?? [];
    if (uid && gid) return { kind: 'other-user', uid: Number(uid), gid: Number(gid) };
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL does not run as root, user namespaces are forbidden here and there is no user postgres or nobody: run Postern as an ordinary user or set DATABASE_URL',
  );
}

export function programAs(account: Account, file: string, args: readonly string[]): Program {
  switch (account.kind) {
    case 'self':
      return { file, args };
    case 'user-namespace':
      // Without --fork unshare turns into the program: its pid is the program's, and signals need no forwarding.
      return { file: 'unshare', args: ['--user', '--map-user=1000', '--map-group=1000', '--', file, ...args] };
    case 'other-user':
      return { file, args, uid: account.uid, gid: account.gid };
  }
}

/** Gives files that we wrote, and all below them, to the account. */
export async function handOver(account: Account, paths: readonly string[]): Promise<void> {
  if (account.kind !== 'other-user') return;
  const args = ['-R', '-h', `${account.uid}:${account.gid}`, '--', ...paths];
  const { code, output } = await runProgram({ file: 'chown', args }, { timeoutMs: 60_000 });
  if (code !== 0) throw new EmbeddedPostgresError(`cannot give ${paths.join(', ')} to uid ${account.uid}: ${output}`);
}

/** Whether the account can pass through all parents of the directory and the directory itself. */
export async function canEnter(account: Account, directory: string, signal?: AbortSignal): Promise<boolean> {
  const { code } = await runProgram(programAs(account, 'test', ['-x', directory]), { timeoutMs: 10_000, signal });
  return code === 0;
}

async function canUseUserNamespace(signal?: AbortSignal): Promise<boolean> {
  const probe = programAs({ kind: 'user-namespace' }, 'true', []);
  return (await runProgram(probe, { timeoutMs: 10_000, signal })).code === 0;
}

async function ownerOf(path: string): Promise<{ uid: number; gid: number } | null> {
  try {
    const { uid, gid } = await stat(path);
    return { uid, gid };
  } catch {
    return null;
  }
}
