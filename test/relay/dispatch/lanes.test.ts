// How much waits in memory for each upstream, and how much a claim brings.
import { describe, expect, it } from 'vitest';
import type { Fleet } from '../../../relay/dispatch/fleet.ts';
import { Lanes } from '../../../relay/dispatch/lanes.ts';
import type { Work } from '../../../relay/dispatch/work.ts';
import type { Stream } from '../../../src/mail/submission.ts';

const work = (bytes: number, stream: Stream = 'transactional') => ({ message: { stream }, bytes }) as Work;

function lanesOf(...names: string[]) {
  const members = names.map(name => ({ upstream: { name }, places: 10 }));
  const fleet = {
    members,
    size: names.length,
    get: (name: string) => members.find(({ upstream }) => upstream.name === name),
  };
  const clock = { now: 0 };
  return { clock, lanes: new Lanes({ fleet: fleet as unknown as Fleet, clock: () => clock.now, maxBytes: 1_000_000 }) };
}

function fill(lanes: Lanes, upstream: string, count: number, bytes = 1): void {
  for (let i = 0; i < count; i += 1) lanes.of(upstream).add(work(bytes), 'backlog');
}

describe('a claim brings', () => {
  it('as much as the fullest lane has room for: nobody knows whose it will be', () => {
    const { lanes } = lanesOf('a', 'b');
    expect(lanes.room('transactional')).toBe(100);
    fill(lanes, 'a', 30);
    expect(lanes.room('transactional')).toBe(70);
    fill(lanes, 'a', 70);
    expect(lanes.room('transactional')).toBe(0);
    expect(lanes.room('bulk')).toBe(100);
  });

  it('not less because of a lane that is stuck, while another one moves on', () => {
    const { lanes, clock } = lanesOf('stuck', 'moving');
    fill(lanes, 'stuck', 100);
    lanes.of('stuck').begin(10, 0);
    fill(lanes, 'moving', 20);
    clock.now = 10_000;
    expect(lanes.room('transactional')).toBe(80);
    expect(lanes.hasRoomForClaimed('stuck', 'transactional', 1)).toBe(true);
    fill(lanes, 'stuck', 1);
    expect(lanes.hasRoomForClaimed('stuck', 'transactional', 1)).toBe(false);
  });

  it('as much as there is room for where all are stuck', () => {
    const { lanes, clock } = lanesOf('stuck');
    fill(lanes, 'stuck', 91);
    lanes.of('stuck').begin(10, 0);
    clock.now = 10_000;
    expect(lanes.room('transactional')).toBe(10);
  });
});

describe('fresh mail', () => {
  it('has a thousand places, half of them for bulk mail, and shares them by upstream', () => {
    const most = (lanes: Lanes, stream: Stream) => {
      let count = 0;
      for (; lanes.hasRoomForFresh('a', stream, 1); count += 1) lanes.of('a').add(work(1, stream), 'fresh');
      return count;
    };
    expect(most(lanesOf('a').lanes, 'transactional')).toBe(1_000);
    expect(most(lanesOf('a').lanes, 'bulk')).toBe(500);
    expect(most(lanesOf('a', 'b').lanes, 'transactional')).toBe(500);
    expect(most(lanesOf(...'abcdefghijklmnopqrst').lanes, 'transactional')).toBe(100);
  });
});

describe('large messages', () => {
  it('for one upstream leave half of the memory to the others', () => {
    const { lanes } = lanesOf('a', 'b');
    fill(lanes, 'a', 4, 100_000);
    expect(lanes.hasRoomForClaimed('a', 'transactional', 100_000)).toBe(true);
    expect(lanes.hasRoomForClaimed('a', 'transactional', 100_001)).toBe(false);
    expect(lanes.hasRoomForFresh('a', 'transactional', 100_001)).toBe(false);
    expect(lanes.hasRoomForFresh('b', 'transactional', 900_000)).toBe(true);
  });

  it('may have all of it where there is one upstream', () => {
    const { lanes } = lanesOf('a');
    fill(lanes, 'a', 9, 100_000);
    expect(lanes.hasRoomForClaimed('a', 'transactional', 100_000)).toBe(true);
  });
});
