import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../src/platform/byte-budget.ts';

const never = new AbortController().signal;

describe('the byte budget', () => {
  it('gives what is free, and makes the rest wait in line', async () => {
    const budget = new ByteBudget(100);
    expect(budget.tryTake(60)).toBe(true);
    expect(budget.tryTake(50)).toBe(false);
    const granted: string[] = [];
    const large = budget.take(90, never).then(() => granted.push('large'));
    const small = budget.take(10, never).then(() => granted.push('small'));
    expect(budget.tryTake(1)).toBe(false);
    budget.give(60);
    await Promise.all([large, small]);
    expect(granted).toEqual(['large', 'small']);
    expect(budget.used).toBe(100);
  });

  it('lets anything in when the house is empty', () => {
    const budget = new ByteBudget(100);
    expect(budget.tryTake(5_000)).toBe(true);
    expect(budget.tryTake(1)).toBe(false);
    budget.give(5_000);
    expect(budget.used).toBe(0);
  });

  it('forgets who gives up waiting, and serves those behind', async () => {
    const budget = new ByteBudget(100);
    budget.tryTake(100);
    const leaving = new AbortController();
    const first = budget.take(100, leaving.signal);
    const second = budget.take(50, never);
    leaving.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    budget.give(100);
    await second;
    expect(budget.used).toBe(50);
  });

  it('leaves nothing at the signal of who was served', async () => {
    const budget = new ByteBudget(100);
    budget.tryTake(100);
    const { signal } = new AbortController();
    const waited = budget.take(100, signal);
    budget.give(100);
    await waited;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is not waited for by who was told to stop before', async () => {
    const budget = new ByteBudget(100);
    budget.tryTake(100);
    await expect(budget.take(10, AbortSignal.abort(new Error('stopping')))).rejects.toThrow('stopping');
    budget.give(100);
    expect(budget.used).toBe(0);
  });

  it('serves those behind at once when the one in front gives up', async () => {
    const budget = new ByteBudget(100);
    budget.tryTake(60);
    const leaving = new AbortController();
    const first = budget.take(90, leaving.signal);
    const second = budget.take(40, never);
    leaving.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    await second;
    expect(budget.used).toBe(100);
  });
});
