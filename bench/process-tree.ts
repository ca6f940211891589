// The processes of a relay, and what they cost: read from Linux's /proc, without tools and without touching them.
//
// A relay's process is one whose current directory lies in the relay's home, which nothing else uses, and every
// child of such a one. Walking from the process that we started would miss a database or a mail system that daemonises
// and is adopted by init; and once ours has been killed, its number may belong to a stranger.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

export interface RelayTree {
  /** The process that we started ourselves, in its home. */
  readonly rootPid: number;
  /** The directory made for this one run; everything that the relay writes lies below it. */
  readonly home: string;
}

/** Kernel clock ticks per second: USER_HZ, 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Every living process of the relay. */
export function relayPids(tree: RelayTree): number[] {
  const parents = parentOfEveryProcess();
  const members = new Set<number>();
  const outside = new Set<number>([0, 1, process.pid]);
  for (const pid of parents.keys()) judge(pid);
  return [...members];

  function judge(pid: number): boolean {
    if (members.has(pid)) return true;
    if (outside.has(pid)) return false;
    const isMember = worksInside(pid, tree.home) || judge(parents.get(pid) ?? 0);
    (isMember ? members : outside).add(pid);
    return isMember;
  }
}

/**
 * CPU time in seconds that the relay has used so far: user + system of the living, plus what each has inherited
 * from children that ended and were waited for. So a process that lived for 5 ms between two readings is counted,
 * in its parent. Lost is only one whose parent ended too, or does not wait: none of the relays here does that.
 */
export function cpuSeconds(tree: RelayTree): number {
  let ticks = 0;
  for (const pid of relayPids(tree)) ticks += cpuTicks(pid);
  return ticks / TICKS_PER_SECOND;
}

/** The same, of the processes whose program's name begins so: `postgres`, `redis` (Debian's server is a link to another). */
export function cpuSecondsOf(tree: RelayTree, program: string): number {
  const theirs = relayPids(tree).filter(pid => basename(linkTarget(`/proc/${pid}/exe`)).startsWith(program));
  return theirs.reduce((ticks, pid) => ticks + cpuTicks(pid), 0) / TICKS_PER_SECOND;
}

/**
 * Memory in bytes as the kernel splits it: a page shared by n processes counts 1/n for each (PSS), so that the sum
 * over a tree is honest where the sum of RSS counts PostgreSQL's shared buffers once for every backend.
 */
export function pssBytes(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

export function isNode(pid: number): boolean {
  return basename(linkTarget(`/proc/${pid}/exe`)) === 'node';
}

function parentOfEveryProcess(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name)) parents.set(Number(name), Number(statFields(name)[1] ?? 0));
  }
  return parents;
}

function worksInside(pid: number, home: string): boolean {
  const directory = linkTarget(`/proc/${pid}/cwd`);
  return directory === home || directory.startsWith(`${home}/`);
}

/** utime, stime, cutime, cstime: fields 14-17 of proc(5), here counted from field 3. */
function cpuTicks(pid: number): number {
  let ticks = 0;
  for (const field of statFields(pid).slice(11, 15)) ticks += Number(field);
  return ticks;
}

/** The fields after the command name, which may itself hold spaces and parentheses. Empty for a process that ended. */
function statFields(pid: number | string): string[] {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Empty for a process that ended meanwhile, or is another user's. */
function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
