import { type ChildProcess, spawn } from 'node:child_process';

/** A program as it is to be started: by whom is already part of it (uid and gid, or a wrapper in `file`). */
export type Program = {
  readonly file: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
};

/** `code` is null after a signal, 127 when the program could not be started. `output` is stdout and stderr together. */
export type ProgramResult = { readonly code: number | null; readonly output: string };

export type RunLimits = {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string;
  readonly input?: string;
};

/**
 * Runs a short-lived program to its end. A program that fails or takes too long is a result, not an exception. When the
 * signal aborts, the promise rejects with its reason. Either way nothing that the program started is left.
 */
export async function runProgram(program: Program, limits: RunLimits): Promise<ProgramResult> {
  limits.signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(limits.timeoutMs);
  const limit = limits.signal === undefined ? deadline : AbortSignal.any([limits.signal, deadline]);
  const child = startProgram(program, { cwd: limits.cwd ?? '/' });
  const kill = () => killGroup(child);
  limit.addEventListener('abort', kill);
  try {
    const result = await resultOf(child, limits.input ?? '');
    limits.signal?.throwIfAborted();
    return limit.aborted ? { code: null, output: `not finished within ${limits.timeoutMs / 1000} s` } : result;
  } finally {
    limit.removeEventListener('abort', kill);
  }
}

/**
 * Starts a program in a session of its own, so that Ctrl-C at the terminal reaches only the gateway, and with an
 * environment of our choice: PGPORT, PGDATA, LC_ALL or LD_PRELOAD of the operator's shell are not meant for it.
 */
export function startProgram(program: Program, options: { readonly cwd: string }): ChildProcess {
  return spawn(program.file, program.args, {
    cwd: options.cwd,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(program.uid === undefined ? {} : { uid: program.uid }),
    ...(program.gid === undefined ? {} : { gid: program.gid }),
  });
}

function resultOf(child: ChildProcess, input: string): Promise<ProgramResult> {
  return new Promise(resolve => {
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => output.push(String(chunk)));
    // A program that ends without reading its input is no news: its exit code tells.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    child.on('error', error => resolve({ code: 127, output: error.message }));
    child.on('close', code => resolve({ code, output: output.join('') }));
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
