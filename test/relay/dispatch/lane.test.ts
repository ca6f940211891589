// What waits for one upstream: who is next, and how long it takes.
import { describe, expect, it } from 'vitest';
import { Lane, type Source } from '../../../relay/dispatch/lane.ts';
import type { Work } from '../../../relay/dispatch/work.ts';
import type { Stream } from '../../../src/mail/submission.ts';

const work = (stream: Stream, name = ''): Work => ({ messageId: name, message: { stream }, bytes: 1_000 }) as Work;

function laneWith(...waiting: [Stream, Source, number][]): Lane {
  const lane = new Lane();
  for (const [stream, source, count] of waiting) {
    for (let i = 0; i < count; i += 1) lane.add(work(stream, `${stream[0]}${source[0]}${i}`), source);
  }
  return lane;
}

/** Who is begun when each ends before the next begins. */
function order(lane: Lane, places = 2): string[] {
  const names: string[] = [];
  for (let begun = lane.begin(places, 0); begun; begun = lane.begin(places, 0)) {
    names.push(begun.work.messageId);
    lane.end(begun.work, 0);
  }
  return names;
}

describe('whose turn it is', () => {
  it('fresh mail and the backlog take turns', () => {
    expect(order(laneWith(['transactional', 'fresh', 2], ['transactional', 'backlog', 4]))).toEqual([
      ...['tb0', 'tf0', 'tb1', 'tf1', 'tb2', 'tb3'],
    ]);
  });

  it('bulk mail has one turn in five while transactional mail waits, and all of them afterwards', () => {
    expect(order(laneWith(['bulk', 'backlog', 5], ['transactional', 'backlog', 8]))).toEqual([
      ...['tb0', 'tb1', 'tb2', 'tb3', 'bb0', 'tb4', 'tb5', 'tb6', 'tb7', 'bb1', 'bb2', 'bb3', 'bb4'],
    ]);
  });

  it('nobody is begun beyond the places', () => {
    const lane = laneWith(['transactional', 'fresh', 5]);
    expect([1, 2, 3].map(() => lane.begin(2, 0)?.work.messageId)).toEqual(['tf0', 'tf1', undefined]);
  });

  it('bulk mail leaves one of many places free, and takes all of a few', () => {
    const begunOf = (places: number) => {
      const lane = laneWith(['bulk', 'backlog', 20]);
      return Array.from({ length: 20 }, () => lane.begin(places, 0)).filter(Boolean).length;
    };
    expect([1, 2, 3, 4, 10].map(begunOf)).toEqual([1, 2, 3, 3, 9]);
  });

  it('the free place is for transactional mail', () => {
    const lane = laneWith(['bulk', 'backlog', 20]);
    while (lane.begin(4, 0));
    lane.add(work('transactional', 'code'), 'fresh');
    expect(lane.begin(4, 0)?.work.messageId).toBe('code');
  });
});

describe('how long those who wait take', () => {
  it('no time where nobody waits', () => {
    const lane = laneWith(['transactional', 'fresh', 1]);
    lane.begin(2, 0);
    expect(lane.waitMs(2, 60_000)).toBe(0);
  });

  it('by what is under way for longest: a host that hangs ends nothing', () => {
    const lane = laneWith(['transactional', 'fresh', 5]);
    lane.begin(2, 0);
    lane.begin(2, 0);
    expect(lane.waitMs(2, 3_000)).toBe((3 * 3_000) / 2);
  });

  it('by the average of those that ended, of which the last count most', () => {
    const lane = laneWith(['transactional', 'fresh', 12]);
    for (let i = 0; i < 10; i += 1) lane.end(lane.begin(1, i * 100)!.work, i * 100 + 100);
    expect(lane.waitMs(1, 1_000)).toBeGreaterThan(2 * 80);
    expect(lane.waitMs(1, 1_000)).toBeLessThan(2 * 100);
  });
});

describe('whoever finds no room', () => {
  it('is told a time behind those who wait and those who were told before, no further ahead than ten minutes', () => {
    const lane = laneWith(['transactional', 'fresh', 3]);
    lane.begin(1, 0);
    const told = Array.from({ length: 80 }, () => lane.sendAway(1, 10_000));
    expect(told.slice(0, 3)).toEqual([30_000, 40_000, 50_000]);
    expect(told.at(-1)).toBe(600_000);
  });

  it('is told a second at least, however fast it goes', () => {
    expect(new Lane().sendAway(10, 0)).toBe(1_000);
  });

  it('is called once few wait, and then no more', () => {
    const lane = laneWith(['transactional', 'backlog', 3]);
    lane.sentAway.called(true);
    expect(lane.hasRoomAgain(5)).toBe(false);
    lane.sendAway(1, 0);
    expect(lane.hasRoomAgain(3)).toBe(false);
    expect(lane.hasRoomAgain(4)).toBe(true);
    lane.sentAway.called(false);
    expect(lane.hasRoomAgain(4)).toBe(true);
    lane.sentAway.called(true);
    expect(lane.hasRoomAgain(4)).toBe(false);
  });

  it('is called by a new process too, which sent nobody away', () => {
    expect(new Lane().hasRoomAgain(1)).toBe(true);
  });
});
