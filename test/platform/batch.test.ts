import { describe, expect, it } from 'vitest';
import { Batch } from '../../src/platform/batch.ts';

/** A batch whose writes end when the test says so. */
function makeBatch(limits: { maxItems?: number; maxBytes?: number } = {}) {
  const written: string[][] = [];
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const batch = new Batch<string, string>({
    write: items => {
      written.push([...items]);
      return new Promise((resolve, reject) =>
        ends.push({ resolve: () => resolve(items.map(item => `${item}!`)), reject }),
      );
    },
    ...{ maxItems: 100, maxBytes: 1_000, bytesOf: (item: string) => item.length, ...limits },
  });
  const turn = () => new Promise(resolve => setImmediate(resolve));
  return { batch, written, ends, turn };
}

describe('group commit', () => {
  it('writes a lone item at once', async () => {
    const { batch, written, ends, turn } = makeBatch();
    const added = batch.add('a');
    await turn();
    expect(written).toEqual([['a']]);
    ends[0]!.resolve();
    await added;
  });

  it('gathers what comes during a write into the next one', async () => {
    const { batch, written, ends, turn } = makeBatch();
    const first = batch.add('a');
    await turn();
    const others = ['b', 'c', 'd'].map(item => batch.add(item));
    await turn();
    expect(written).toEqual([['a']]);
    expect(batch.waiting).toBe(3);
    ends[0]!.resolve();
    await first;
    await turn();
    expect(written).toEqual([['a'], ['b', 'c', 'd']]);
    ends[1]!.resolve();
    expect(await Promise.all(others)).toEqual(['b!', 'c!', 'd!']);
  });

  it('keeps to its number of items and bytes, but lets a single large one through', async () => {
    const { batch, written, ends, turn } = makeBatch({ maxItems: 2, maxBytes: 10 });
    const items = ['a', 'b', 'c', 'x'.repeat(11), 'y'.repeat(6), 'z'.repeat(6)];
    const added = items.map(item => batch.add(item));
    for (let i = 0; i < 5; i += 1) {
      await turn();
      await turn();
      ends[i]!.resolve();
    }
    await Promise.all(added);
    expect(written.map(items => items.map(item => item[0]).join(''))).toEqual(['ab', 'c', 'x', 'y', 'z']);
  });

  it('tells all of a failed batch, and only them', async () => {
    const { batch, ends, turn } = makeBatch();
    const first = batch.add('a');
    await turn();
    const second = batch.add('b');
    ends[0]!.reject(new Error('disk full'));
    await expect(first).rejects.toThrow('disk full');
    await turn();
    ends[1]!.resolve();
    await second;
  });
});
