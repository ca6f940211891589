import { expect, it } from 'vitest';
import { runningOnFallback } from '../../src/mail/fallback.ts';

const route = (...groups: string[][]) => ({ name: 'r', groups });
const FIRST_DOWN = { route: 'r', from: ['a'], to: ['b'], reason: 'a: gone' };

it.each<[string, string[][], string[], object[]]>([
  ['all well', [['a'], ['b']], [], []],
  ['the first is down', [['a'], ['b']], ['a'], [FIRST_DOWN]],
  ['the second is down', [['a'], ['b']], ['b'], []],
  ['both are down: it waits, and is no better', [['a'], ['b']], ['a', 'b'], [{ ...FIRST_DOWN, to: [] }]],
  ['there is nothing to fall back on', [['a']], ['a'], []],
  ['one of a group has its turn instead of the other', [['a', 'b'], ['c']], ['a'], []],
  [
    'a whole group is down',
    [['a', 'b'], ['c', 'd'], ['e']],
    ['b', 'a', 'c'],
    [{ route: 'r', from: ['a', 'b'], to: ['d', 'e'], reason: 'a: gone; b: gone' }],
  ],
  ['there is no upstream at all', [], ['a'], []],
])('%s', (_what, groups, open, expected) => {
  const circuits = open.map(upstream => ({ upstream, reason: 'gone' }));
  expect(runningOnFallback([route(...groups)], circuits)).toEqual(expected);
});
