// Those for whom there was no room: when they are to come again, and whether there are any to be called.
import { describe, expect, it } from 'vitest';
import { SentAway } from '../../../relay/dispatch/sent-away.ts';

describe('who is sent away', () => {
  it('is told to come behind those who were told before, a second from now at the earliest, ten minutes at the latest', () => {
    const line = new SentAway();
    expect([0, 0, 0].map(() => line.sendAway(100, 0, 0))).toEqual([1_100, 1_200, 1_300]);
    expect(line.sendAway(100, 5_000, 0)).toBe(5_100);
    expect(line.sendAway(1_000_000, 0, 0)).toBe(600_000);
  });

  it('is there to be called until all were, and an earlier run may have left some', () => {
    const line = new SentAway();
    expect(line.some).toBe(true);
    line.called(true);
    expect(line.some).toBe(false);
    line.sendAway(1, 1, 0);
    expect(line.some).toBe(true);
    line.called(false);
    expect(line.some).toBe(true);
  });

  it('may have come too late for the call: it is called once more', () => {
    const line = new SentAway();
    line.sendAway(1, 1, 0);
    line.called(true);
    line.recall();
    expect(line.some).toBe(true);
    line.called(true);
    line.recall();
    expect(line.some).toBe(false);
  });
});
