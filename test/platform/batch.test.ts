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
    isOneItemsFault: (error: unknown) => (error as Error).message === 'bad item',
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

  it('lets an item that is at fault fail alone', async () => {
    const { batch, ends, written, turn } = makeBatch();
    const bad = expect(batch.add('a')).rejects.toThrow('bad item');
    const good = batch.add('b');
    await turn();
    ends[0]!.reject(new Error('bad item'));
    await turn();
    ends[1]!.reject(new Error('bad item'));
    await turn();
    ends[2]!.resolve();
    await bad;
    expect(await good).toBe('b!');
    expect(written).toEqual([['a', 'b'], ['a'], ['b']]);
  });
});
