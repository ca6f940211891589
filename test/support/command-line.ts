// The command line as people run it: a process of its own, its output and its exit code.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const POSTERN = fileURLToPath(new URL('../../bin/postern.js', import.meta.url));

export type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string };

export function postern(environment: Record<string, string>, ...args: string[]): Promise<Outcome> {
  return posternIn(process.cwd(), environment, ...args);
}

export async function posternIn(
  directory: string,
  environment: Record<string, string>,
  ...args: string[]
): Promise<Outcome> {
  const child = startPostern(environment, args, directory);
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', chunk => {
    stdout += chunk;
  });
  child.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

/** The lines of `--json`; throws when the command fails or complains. */
export async function printedJson(running: Promise<Outcome>) {
  const { code, stdout, stderr } = await running;
  if (code !== 0 || stderr !== '') throw new Error(`exit ${code}: ${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));
}

/** Runs `postern start`; resolves when it says that it is ready. */
export async function posternStart(environment: Record<string, string>) {
  const child = startPostern(environment, ['start']);
  const ended = once(child, 'close').then(([code]) => code as number);
  let stdout = '';
  let stderr = '';
  child.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout!.on('data', chunk => {
      stdout += chunk;
      if (stdout.includes('is ready') && stdout.endsWith('\n\n')) resolve();
      else if (stdout.includes('is ready')) setImmediate(resolve);
    });
    void ended.then(code => reject(new Error(`ended with ${code}: ${stderr}`)));
  });
  return {
    banner: stdout,
    log: () => stderr,
    port: Number(/SMTP +[\d.]+:(\d+) +\(STARTTLS\)/.exec(stdout)?.[1]),
    tell: (signal: NodeJS.Signals) => child.kill(signal),
    /** The exit code. */
    end(signal: NodeJS.Signals = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

export function startPostern(
  environment: Record<string, string>,
  args: readonly string[],
  cwd = process.cwd(),
): ChildProcess {
  const { PATH, HOME = '/' } = process.env;
  return spawn(process.execPath, [POSTERN, ...args], {
    // Not the postern.yaml that a checkout may have.
    env: { PATH, HOME, POSTERN_CONFIG: '/dev/null', ...environment },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
