// Who sends at the same time, over one database. Time passes by changing rows.
import { afterAll, beforeEach, expect, it } from 'vitest';
import { Neighbours } from '../../../relay/dispatch/neighbours.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createPool } from '../../../src/platform/postgres.ts';
import { listDispatchers } from '../../../src/store/dispatchers.ts';
import { cloneDatabase } from '../../support/database.ts';

const database = await cloneDatabase();
const log = createLog('silent');
afterAll(() => database.drop());
beforeEach(() => database.rows('delete from dispatchers'));

const goesBy = () => ({ upstreams: ['ses'], settingsDigest: 'abc' });

const started: Neighbours[] = [];
async function start(node: string, run = 'run') {
  const neighbours = new Neighbours({ pool: database.pool, holder: `${node}:${run}`, node, goesBy, log });
  started.push(neighbours);
  await neighbours.start();
  return neighbours;
}
afterAll(() => Promise.all(started.map(one => one.stop())));

const nodes = async () => (await listDispatchers(database.pool)).map(({ node }) => node);

it('know of each other, and tell who shares with them', async () => {
  const first = await start('one');
  const told: number[] = [];
  first.onChange(count => told.push(count));
  const second = await start('two');
  await first.look();
  expect([first.count, second.count, told]).toEqual([2, 2, [2]]);
  expect(await nodes()).toEqual(['one', 'two']);
  await second.stop();
  await first.look();
  expect([first.count, told]).toEqual([1, [2, 1]]);
  expect(await nodes()).toEqual(['one']);
  await first.stop();
});

it('forget who has been silent, and hear of it again', async () => {
  const [first, second] = [await start('one'), await start('two')];
  await database.rows(`update dispatchers set seen_at = now() - interval '16 s' where node = 'two'`);
  expect(await nodes()).toEqual(['one']);
  await first.look();
  expect(first.count).toBe(1);
  expect(await database.rows('select node from dispatchers')).toEqual([{ node: 'one' }]);
  await second.look();
  await first.look();
  expect([first.count, second.count]).toEqual([2, 2]);
  await Promise.all([first.stop(), second.stop()]);
});

it('do not count the earlier run of the same node, which was killed', async () => {
  await database.rows(`insert into dispatchers (holder, node) values ('one:killed', 'one')`);
  const first = await start('one', 'next');
  expect([first.count, await nodes()]).toEqual([1, ['one']]);
  await first.stop();
});

it('keep the last number while the database is away; before any is known, one', async () => {
  const pool = createPool(database.url, { max: 1, name: 'neighbours', log });
  const lonely = new Neighbours({ pool, holder: 'three:run', node: 'three', goesBy, log });
  await start('one');
  await lonely.look();
  await pool.end();
  await lonely.look();
  expect(lonely.count).toBe(2);
  const blind = new Neighbours({ pool, holder: 'four:run', node: 'four', goesBy, log });
  await blind.start();
  expect(blind.count).toBe(1);
  await blind.stop();
});
