// What waits for one upstream: who is next, and how long it takes.
import { describe, expect, it } from 'vitest';
import { Lane, type Source } from '../../../relay/dispatch/lane.ts';
import type { Work } from '../../../relay/dispatch/work.ts';
import type { Stream } from '../../../src/mail/submission.ts';

const work = (stream: Stream, name = ''): Work => ({ messageId: name, message: { stream } }) as Work;

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

describe('how long one waits', () => {
  it('not at all while there is a place', () => {
    const lane = laneWith(['transactional', 'fresh', 1]);
    lane.begin(2, 0);
    expect(lane.waitMs('transactional', 2, 60_000)).toBe(0);
  });

  it('as long as those ahead take, by what is under way for longest: a host that hangs ends nothing', () => {
    const lane = laneWith(['transactional', 'fresh', 5]);
    lane.begin(2, 0);
    lane.begin(2, 0);
    expect(lane.waitMs('transactional', 2, 3_000)).toBe((4 * 3_000) / 2);
  });

  it('bulk mail waits behind transactional mail, and not the other way round', () => {
    const lane = laneWith(['transactional', 'fresh', 3], ['bulk', 'backlog', 4]);
    lane.begin(1, 0);
    expect(lane.waitMs('transactional', 1, 1_000)).toBe(3_000);
    expect(lane.waitMs('bulk', 1, 1_000)).toBe(7_000);
  });

  it('turns are promised one behind the other, no further ahead than two minutes', () => {
    const lane = laneWith(['transactional', 'fresh', 1]);
    lane.begin(1, 0);
    const promises = Array.from({ length: 15 }, () => lane.promise('transactional', 1, 10_000));
    expect(promises.slice(0, 3)).toEqual([20_000, 30_000, 40_000]);
    expect(promises.at(-1)).toBe(120_000);
  });

  it('whoever was told one is asked to come sooner once there is a place, and is not asked again', () => {
    const lane = laneWith(['transactional', 'fresh', 1]);
    const { work: slow } = lane.begin(1, 0)!;
    expect(lane.mayPullForward(1, 10_000)).toBe(false);
    lane.promise('transactional', 1, 10_000);
    expect(lane.mayPullForward(1, 10_000)).toBe(false);
    lane.end(slow, 10_000);
    expect(lane.mayPullForward(1, 10_000)).toBe(true);
    lane.pulledForward(true);
    expect(lane.mayPullForward(1, 10_000)).toBe(false);
  });
});
