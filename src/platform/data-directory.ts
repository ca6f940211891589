import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { lockHolder, takeFileLock } from './file-lock.ts';

export type DataDirectory = { readonly path: string; release(): Promise<void> };

/** One clear line for the operator: the directory cannot be used, and why. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
}

/**
 * Creates the directory if needed (mode 700), checks that it is writable, and takes its lock: one gateway per data
 * directory. `path` of the result is absolute and free of symbolic links. Throws DataDirectoryError.
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const directory = await createDirectory(path);
  const lockFile = join(directory, 'gateway.lock');
  const lock = takeLock(directory, lockFile);
  if (lock === null) {
    throw new DataDirectoryError(`the data directory ${directory} is in use by pid ${lockHolder(lockFile)}`);
  }
  return { path: directory, release: async () => lock.release() };
}

async function createDirectory(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return await realpath(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

/** Taking the lock writes two files, which is the check that the directory is writable and the disk not full. */
function takeLock(directory: string, lockFile: string) {
  try {
    return takeFileLock(lockFile);
  } catch (error) {
    throw unusable(directory, error);
  }
}

function unusable(path: string, cause: unknown): DataDirectoryError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DataDirectoryError(
    `cannot write to the data directory ${path} as ${currentUser()}: ${reason} (POSTERN_DATA_DIR names another one)`,
    { cause },
  );
}

function currentUser(): string {
  return process.getuid ? `uid ${process.getuid()}` : 'this user';
}
