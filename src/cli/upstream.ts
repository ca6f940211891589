// `postern upstream list|test`: where mail goes, what the dispatchers last said of it, and whether it would get there now.

import { hostname } from 'node:os';
import type { Command } from 'commander';
import { createUpstream, SessionError } from '../../relay/index.ts';
import type { Settings } from '../platform/settings.ts';
import { describePlace, type UpstreamSettings } from '../platform/upstream-url.ts';
import { type DownUpstream, listDownUpstreams } from '../store/upstream-changes.ts';
import { Failure, formatTime, printJson, readSettings, withRunningStore } from './context.ts';
import { printTable } from './table.ts';

export function registerUpstream(program: Command): void {
  const upstream = program.command('upstream').description('where mail goes');
  upstream
    .command('list')
    .description('the upstreams in order, and which are down, since when and why')
    .option('--json', 'print JSON, one a line')
    .action(list);
  upstream
    .command('test [name]')
    .description('connect, TLS and AUTH with one upstream, or with each; sends nothing')
    .option('--json', 'print JSON, one a line')
    .action(test);
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const upstreams = readSettings().POSTERN_UPSTREAMS ?? [];
  if (upstreams.length === 0 && !json) {
    return console.log('No upstreams: mail is captured (POSTERN_UPSTREAMS names some).');
  }
  // The list is wanted most when something is wrong: without the database it is shown all the same.
  const down = await withRunningStore(({ pool }) => listDownUpstreams(pool)).catch(() => null);
  const downOf = (name: string) => down?.filter(({ upstream }) => upstream === name) ?? null;
  if (json) {
    for (const upstream of upstreams) printJson({ ...withoutPasswords(upstream), down: downOf(upstream.name) });
    return;
  }
  printTable(
    ['NAME', 'WHERE', 'USER', 'TLS', 'CONNECTIONS', 'RATE', 'STATE'],
    upstreams.map(upstream => row(upstream, downOf(upstream.name))),
  );
}

function row(upstream: UpstreamSettings, down: readonly DownUpstream[] | null): string[] {
  const { name, connections, ratePerSecond } = upstream;
  const rate = ratePerSecond === null ? 'unlimited' : `${ratePerSecond}/s`;
  const user = upstream.kind === 'smtp' ? upstream.user : null;
  const tls = 'tls' in upstream ? upstream.tls : '-';
  return [name, describePlace(upstream), user ?? '-', tls, String(connections), rate, describeState(down)];
}

function withoutPasswords(upstream: UpstreamSettings): object {
  if (!('proxy' in upstream)) return upstream;
  const proxy = upstream.proxy && { ...upstream.proxy, password: undefined };
  return { ...upstream, password: undefined, proxy };
}

/** null = the database is not up: nobody can say. */
function describeState(down: readonly DownUpstream[] | null): string {
  if (down === null) return 'unknown';
  if (down.length === 0) return 'up';
  const where = (node: string) => (down.length > 1 ? ` at ${node}` : '');
  return down.map(({ node, since, reason }) => `down${where(node)} since ${formatTime(since)}: ${reason}`).join('; ');
}

async function test(name: string | undefined, { json }: { json?: boolean }): Promise<void> {
  const settings = readSettings();
  const all = settings.POSTERN_UPSTREAMS ?? [];
  const chosen = name === undefined ? all : all.filter(upstream => upstream.name === name);
  if (chosen.length === 0)
    throw new Failure(
      name === undefined ? 'there are no upstreams (POSTERN_UPSTREAMS)' : `there is no upstream ${name}`,
    );
  const results = [];
  for (const upstream of chosen) results.push(await testUpstream(upstream, settings));
  for (const result of results) {
    if (json) printJson(result);
    else console.log(`${result.ok ? 'ok    ' : 'FAILED'}  ${result.name}  ${result.detail}`);
  }
  if (results.some(result => !result.ok)) process.exitCode = 1;
}

export type UpstreamTest = { readonly name: string; readonly ok: boolean; readonly detail: string };

export async function testUpstream(upstream: UpstreamSettings, settings: Settings): Promise<UpstreamTest> {
  const { name } = upstream;
  try {
    const client = createUpstream(upstream, settings, settings.POSTERN_HOSTNAME ?? hostname());
    const { remoteAddress, tls } = await client.probe(new AbortController().signal);
    if (upstream.kind !== 'smtp') return { name, ok: true, detail: describePlace(upstream) };
    const login = upstream.user === null ? 'no login' : `logged in as ${upstream.user}`;
    return { name, ok: true, detail: `${remoteAddress}, ${tls ?? 'no TLS'}, ${login}` };
  } catch (error) {
    const stage = error instanceof SessionError ? error.stage : 'connect';
    return { name, ok: false, detail: `${describePlace(upstream)}, at ${stage}: ${(error as Error).message}` };
  }
}
