import { describe, expect, it } from 'vitest';
import { isIn, neighbourhood, parseAddress, parseNetwork } from '../../src/platform/networks.ts';

describe('an address is in a network', () => {
  it.each([
    ['192.0.2.7', '192.0.2.0/24', true],
    ['192.0.3.7', '192.0.2.0/24', false],
    ['::ffff:192.0.2.7', '192.0.2.0/24', true],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.8', '192.0.2.7', false],
    ['192.0.2.7', '0.0.0.0/0', true],
    ['192.0.2.7', '::/0', false],
    ['2001:db8::1', '::/0', true],
    ['2001:db8::1', '0.0.0.0/0', false],
    ['2001:db8:0:1::1', '2001:db8::/64', false],
    ['2001:DB8:0:0::1', '2001:db8::/64', true],
    ['::1', '::1', true],
  ])('%s in %s: %s', (address, network, expected) => {
    expect(isIn(parseNetwork(network), parseAddress(address)!)).toBe(expected);
  });

  it.each(['', 'localhost', '1', '127.1', '0x7f.0.0.1', undefined])('%s is no address', text => {
    expect(parseAddress(text)).toBeNull();
  });
});

describe('neighbours', () => {
  it.each([
    ['192.0.2.1', '::ffff:192.0.2.1', 32],
    ['192.0.2.1', '192.0.2.255', 24],
    ['2001:db8::1', '2001:db8::ffff:1:2:3', 32],
    ['2001:db8::1', '2001:db8::ffff:1:2:3', 24],
    ['fe80::1%eth0', 'fe80::2', 32],
  ] as const)('%s and %s are the same (IPv4 /%d)', (one, other, bits) => {
    expect(neighbourhood(one, bits)).toBe(neighbourhood(other, bits));
  });

  it.each([
    ['192.0.2.1', '192.0.2.2', 32],
    ['192.0.2.1', '192.0.3.1', 24],
    ['2001:db8:0:1::1', '2001:db8:0:2::1', 24],
    ['32.1.13.184', '2001:db8::', 32],
  ] as const)('%s and %s are not (IPv4 /%d)', (one, other, bits) => {
    expect(neighbourhood(one, bits)).not.toBe(neighbourhood(other, bits));
  });
});
