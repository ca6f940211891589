import { describe, expect, it } from 'vitest';
import { BusiestNames, OTHER } from '../../src/platform/busiest-names.ts';

function names(most: number) {
  const givenUp: string[] = [];
  const busiest = new BusiestNames(most, name => givenUp.push(name));
  const come = (name: string, times = 1) => Array.from({ length: times }, () => busiest.nameOf(name)).at(-1)!;
  return { come, givenUp };
}

describe('the busiest names', () => {
  it('are the first ones, while there is room', () => {
    const { come } = names(2);
    expect(['a', 'b', 'c', 'a'].map(name => come(name))).toEqual(['a', 'b', OTHER, 'a']);
  });

  it('give way to one that comes more than twice as often, and are given up then', () => {
    const { come, givenUp } = names(2);
    come('a', 10);
    come('b', 5);
    expect(come('c', 10)).toBe(OTHER);
    expect([come('c'), givenUp]).toEqual(['c', ['b']]);
    expect(come('b', 5)).toBe(OTHER);
  });

  it('are never more than so many, whatever a stranger thinks up', () => {
    const { come, givenUp } = names(50);
    const shown = new Set<string>();
    let most = 0;
    for (let i = 0; i < 200_000; i += 1) {
      const label = come(i % 4 === 0 ? `busy${(i / 4) % 40}.example` : `made-up-${i}.example`);
      if (label !== OTHER) shown.add(label);
      for (const name of givenUp.splice(0)) shown.delete(name);
      most = Math.max(most, shown.size);
    }
    expect(most).toBe(50);
    for (let i = 0; i < 40; i += 1) expect(come(`busy${i}.example`)).toBe(`busy${i}.example`);
  });

  it('forget what is long ago', () => {
    const { come } = names(1);
    come('old', 300);
    expect(come('new', 100)).toBe(OTHER);
    // Half of what the other came, all told.
    expect(come('new', 200)).toBe('new');
  });
});
