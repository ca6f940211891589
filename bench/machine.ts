// Where and on what the figures were taken: without that they mean nothing a month later.
import { execFileSync } from 'node:child_process';
import { cpus, freemem, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface Machine {
  readonly takenAt: string;
  readonly cores: number;
  readonly cpu: string;
  readonly memoryMb: number;
  readonly freeMb: number;
  /** The load average of the last minute, before the bench began: above 0.5 somebody else is working here. */
  readonly loadBefore: number;
  readonly kernel: string;
  readonly node: string;
  /** What is measured of Postern: the checkout's commit, with `+` when files differ from it. */
  readonly commit: string;
  readonly filesystem: string;
}

export function describeMachine(parent: string): Machine {
  return {
    takenAt: new Date().toISOString(),
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() || 'unknown processor',
    memoryMb: Math.round(totalmem() / 1024 ** 2),
    freeMb: Math.round(freemem() / 1024 ** 2),
    loadBefore: loadavg()[0] ?? 0,
    kernel: release(),
    node: process.version,
    commit: commit(),
    filesystem: output('stat', ['-f', '-c', '%T', parent]) || 'unknown',
  };
}

function commit(): string {
  const checkout = fileURLToPath(new URL('..', import.meta.url));
  const git = (...args: string[]) => output('git', ['-C', checkout, ...args]);
  return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
}

function output(program: string, args: string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
