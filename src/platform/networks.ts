// Addresses and the networks that they are in, whatever the socket calls them: `::ffff:192.0.2.1` is 192.0.2.1.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Parsed = ReturnType<typeof ipaddr.process>;

export type Network = { readonly base: Parsed; readonly bits: number };

/** `192.0.2.0/24`, or an address that stands for itself. Throws at anything else: settings and columns were checked. */
export function parseNetwork(text: string): Network {
  if (!text.includes('/')) {
    const base = ipaddr.process(text);
    return { base, bits: base.kind() === 'ipv4' ? 32 : 128 };
  }
  const [base, bits] = ipaddr.parseCIDR(text);
  return { base, bits };
}

export function isIn(network: Network, address: Parsed): boolean {
  return network.base.kind() === address.kind() && address.match(network.base, network.bits);
}

/** null for what is no address, as the one of a socket that is closed already. */
export function parseAddress(address: string | undefined): Parsed | null {
  return address !== undefined && isIP(address) !== 0 ? ipaddr.process(address) : null;
}

/**
 * One name for addresses that one client can choose from: an IPv6 customer has a /64 at least. `ipv4Bits` says how far
 * IPv4 neighbours are taken together.
 */
export function neighbourhood(address: string, ipv4Bits: 24 | 32): string {
  const parsed = parseAddress(address);
  if (parsed === null) return 'unknown';
  const bytes = parsed.kind() === 'ipv4' ? ipv4Bits / 8 : 8;
  return `${parsed.kind()}:${parsed.toByteArray().slice(0, bytes).join('.')}`;
}
