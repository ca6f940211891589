import { expect, it } from 'vitest';
import type { Server } from '../../../src/platform/embedded-postgres/server.ts';
import { superviseServer } from '../../../src/platform/embedded-postgres/supervisor.ts';

it('tries on when a restart fails, until a server runs again', async () => {
  const world = fakeServers(['runs', 'fails', 'fails', 'runs']);
  const supervisor = await superviseServer(world.launch, world.log);
  world.end('SIGKILL');
  await world.until('database-restarted');
  expect(world.events).toEqual([
    'database-ended',
    'database-restart-failed',
    'database-restart-failed',
    'database-restarted',
  ]);
  await supervisor.stop();
  expect(world.stopped).toEqual([4]);
});

it('stops while it waits for the next try', async () => {
  const world = fakeServers(['runs', 'fails', 'fails', 'fails', 'fails', 'fails', 'fails']);
  const supervisor = await superviseServer(world.launch, world.log);
  world.end('SIGKILL');
  await world.until('database-restart-failed');
  await supervisor.stop();
  expect(world.stopped).toEqual([]);
});

it('rejects when the first start fails, and does not try again', async () => {
  const world = fakeServers(['fails', 'runs']);
  await expect(superviseServer(world.launch, world.log)).rejects.toThrow('launch 1');
  expect(world.events).toEqual([]);
});

function fakeServers(script: readonly ('runs' | 'fails')[]) {
  const events: string[] = [];
  const stopped: number[] = [];
  const watchers: (() => void)[] = [];
  let launches = 0;
  let end: (reason: string) => void = () => {};
  const record = (fields: object) => {
    events.push((fields as { event: string }).event);
    for (const wake of watchers) wake();
  };
  const launch = async (): Promise<Server> => {
    const pid = ++launches;
    if (script[pid - 1] === 'fails') throw new Error(`launch ${pid}`);
    const ended = new Promise<string>(resolve => {
      end = resolve;
    });
    return { pid, ended, stop: async () => void stopped.push(pid) };
  };
  return {
    events,
    stopped,
    launch,
    end: (reason: string) => end(reason),
    log: { info: record, warn: record, error: record },
    until: (event: string) =>
      new Promise<void>(resolve => watchers.push(() => (events.includes(event) ? resolve() : undefined))),
  };
}
