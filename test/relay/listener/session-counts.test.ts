import { describe, expect, it } from 'vitest';
import { type Place, SessionCounts } from '../../../relay/listener/session-counts.ts';

function counting(limits: { total?: number; strangersPerHost?: number; clientsPerHost?: number }) {
  const open = { stranger: 0, client: 0 };
  const counts = new SessionCounts({ total: 100, strangersPerHost: 2, clientsPerHost: 3, ...limits }, (kind, by) => {
    open[kind] += by;
  });
  const enter = (address: string) => counts.enter(address) as Place;
  return { counts, enter, open };
}

describe('sessions', () => {
  it('of strangers are limited for each host, an IPv6 customer being one', () => {
    const { counts, enter } = counting({});
    enter('192.0.2.1');
    const second = enter('::ffff:192.0.2.1');
    expect(counts.enter('192.0.2.1')).toBe('too-many-strangers-of-host');
    expect(counts.enter('192.0.2.2')).toBeTypeOf('object');
    second.leave();
    expect(counts.enter('192.0.2.1')).toBeTypeOf('object');
    enter('2001:db8::1');
    enter('2001:db8::2');
    expect(counts.enter('2001:db8::3')).toBe('too-many-strangers-of-host');
    expect(counts.enter('2001:db8:0:1::3')).toBeTypeOf('object');
  });

  it('of clients make room for strangers, and are limited themselves', () => {
    const { counts, enter, open } = counting({});
    const clients = [1, 2, 3].map(() => {
      const place = enter('192.0.2.1');
      expect(place.becomeClient()).toBeNull();
      return place;
    });
    const fourth = enter('192.0.2.1');
    expect(fourth.becomeClient()).toBe('too-many-clients-of-host');
    expect(open).toEqual({ stranger: 1, client: 3 });
    clients[0]!.leave();
    expect(fourth.becomeClient()).toBeNull();
    expect(fourth.becomeClient()).toBeNull();
    expect(counts.enter('192.0.2.1')).toBeTypeOf('object');
  });

  it('are limited in total, whoever they are', () => {
    const { counts, enter } = counting({ total: 2 });
    enter('192.0.2.1').becomeClient();
    const other = enter('192.0.2.2');
    expect(counts.enter('192.0.2.3')).toBe('too-many-sessions');
    other.leave();
    expect(counts.enter('192.0.2.3')).toBeTypeOf('object');
  });

  it('leave once, however often they say so, and leave nothing behind', () => {
    const { counts, enter, open } = counting({ total: 1 });
    for (let i = 0; i < 10; i += 1) {
      const place = enter('192.0.2.1');
      if (i % 2) place.becomeClient();
      place.leave();
      place.leave();
      expect(place.becomeClient()).toBeNull();
    }
    expect(open).toEqual({ stranger: 0, client: 0 });
    expect(counts.enter('192.0.2.1')).toBeTypeOf('object');
  });
});
