// A line: who is next, who leaves it, and that no place is lost.
import { describe, expect, it } from 'vitest';
import { CrowdedError, Places, shareOf } from '../../../relay/upstreams/places.ts';
import { eventually } from '../../support/eventually.ts';
import { NEVER } from './support.ts';

describe('places', () => {
  it('are taken in the order of the line', async () => {
    const places = new Places(1);
    const order: number[] = [];
    await places.take(NEVER);
    const waiting = [1, 2, 3].map(n => places.take(NEVER).then(() => order.push(n)));
    expect(places.crowd).toBe(4);
    for (let n = 0; n < 4; n += 1) {
      places.leave();
      await Promise.resolve();
    }
    await Promise.all(waiting);
    expect([order, places.crowd]).toEqual([[1, 2, 3], 0]);
  });

  it('are not lost on whoever leaves the line', async () => {
    const places = new Places(1);
    await places.take(NEVER);
    const abort = new AbortController();
    const left = places.take(abort.signal);
    const impatient = places.take(NEVER, 1);
    const stays = places.take(NEVER);
    abort.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await expect(impatient).rejects.toThrow(CrowdedError);
    places.leave();
    await stays;
    places.leave();
    await eventually(() => expect(places.crowd).toBe(0));
    await places.take(NEVER);
  });

  it('are not given to whoever has gone already', async () => {
    await expect(new Places(1).take(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  });

  it('become more: as many as stand in line get one', async () => {
    const places = new Places(1);
    const order: number[] = [];
    await places.take(NEVER);
    const waiting = [1, 2, 3].map(n => places.take(NEVER).then(() => order.push(n)));
    places.resize(3);
    await Promise.all(waiting.slice(0, 2));
    expect([order, places.free]).toEqual([[1, 2], 0]);
    places.leave();
    await waiting[2];
  });

  it('become fewer: nobody is sent away, and nobody comes until there is room again', async () => {
    const places = new Places(3);
    for (let n = 0; n < 3; n += 1) await places.take(NEVER);
    places.resize(1);
    let came = false;
    const waiting = places.take(NEVER).then(() => (came = true));
    places.leave();
    places.leave();
    await Promise.resolve();
    expect([came, places.free]).toEqual([false, 0]);
    places.leave();
    await waiting;
    expect([came, places.free]).toEqual([true, 0]);
  });

  it.each([
    [10, 1, 10],
    [10, 3, 3],
    [5, 2, 2],
    [2, 5, 1],
  ])('of %i are shared by %i as %i each', (count, sharers, each) => expect(shareOf(count, sharers)).toBe(each));
});
