import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FailedLogins } from '../../src/platform/failed-logins.ts';

const MINUTE = 60_000;

async function failing(address: string, user: string, times: number, failed = new FailedLogins()) {
  for (let i = 0; i < times; i += 1) await failed.note(address, user);
  return failed;
}

describe('failed logins (THREATS 6)', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('are too many at twenty', async () => {
    const failed = await failing('192.0.2.1', 'app', 19);
    expect(await failed.areTooMany('192.0.2.1', 'app')).toBe(false);
    await failed.note('192.0.2.1', 'app');
    expect(await failed.areTooMany('192.0.2.1', 'app')).toBe(true);
  });

  it('are those of a neighbourhood and a user: neither is shut out alone', async () => {
    const failed = await failing('192.0.2.1', 'app', 20);
    expect(await failed.areTooMany('192.0.2.99', 'APP')).toBe(true);
    expect(await failed.areTooMany('192.0.2.1', 'other')).toBe(false);
    expect(await failed.areTooMany('192.0.3.1', 'app')).toBe(false);
    await failing('2001:db8::1', 'app', 20, failed);
    expect(await failed.areTooMany('2001:db8::2', 'app')).toBe(true);
    expect(await failed.areTooMany('2001:db8:0:1::2', 'app')).toBe(false);
  });

  it('are forgotten after 15 minutes', async () => {
    const failed = await failing('192.0.2.1', 'app', 20);
    vi.advanceTimersByTime(14 * MINUTE);
    expect(await failed.areTooMany('192.0.2.1', 'app')).toBe(true);
    vi.advanceTimersByTime(MINUTE + 1);
    expect(await failed.areTooMany('192.0.2.1', 'app')).toBe(false);
  });

  it('are remembered of so many only: the oldest goes first', async () => {
    const failed = await failing('192.0.2.1', 'app', 20);
    await failing('192.0.2.1', 'recent', 20, failed);
    for (let i = 0; i < 19_999; i += 1) await failed.note('198.51.100.1', `made-up-${i}`);
    expect(await failed.areTooMany('192.0.2.1', 'recent')).toBe(true);
    expect(await failed.areTooMany('192.0.2.1', 'app')).toBe(false);
    expect(vi.getTimerCount()).toBe(20_000);
  });
});
