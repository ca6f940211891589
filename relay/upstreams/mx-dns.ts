// What direct delivery asks the DNS for, from the ordinary resolver, or from one that validates: then with DANE.
import { isIPv6 } from 'node:net';
import { isPublicAddress } from '../../src/platform/outside-get.ts';
import { isAbsent, type Resolve } from '../../src/platform/resolver.ts';
import type { Validated, ValidatedLookup } from '../../src/platform/validated-lookup.ts';
import type { Tlsa } from './dane.ts';

export type Mx = { readonly priority: number; readonly exchange: string };

/** All of it rejects when the DNS has no answer; that there is no such record is an answer. */
export type MxDns = {
  mx(domain: string): Promise<{ records: readonly Mx[]; isNameAbsent: boolean; isValidated: boolean }>;
  addresses(host: string): Promise<{ addresses: readonly string[]; isValidated: boolean }>;
  /** Validated ones only; empty where there are none. */
  tlsa(host: string, port: number): Promise<readonly Tlsa[]>;
};

export function plainDns(resolve: Resolve): MxDns {
  return {
    async mx(domain) {
      try {
        return { records: (await resolve(domain, 'MX')) as Mx[], isNameAbsent: false, isValidated: false };
      } catch (error) {
        if (!isAbsent(error)) throw error;
        const isNameAbsent = (error as { code?: string }).code !== 'ENODATA';
        return { records: [], isNameAbsent, isValidated: false };
      }
    },
    async addresses(host) {
      const [v4, v6] = await Promise.allSettled([resolve(host, 'A'), resolve(host, 'AAAA')]);
      return { addresses: together(v4, v6) as string[], isValidated: false };
    },
    tlsa: async () => [],
  };
}

export function validatedDns(lookup: ValidatedLookup): MxDns {
  return {
    async mx(domain) {
      const { records, isNameAbsent, isValidated } = await lookup(domain, 'MX');
      return { records: records.filter(record => record.type === 'MX'), isNameAbsent, isValidated };
    },
    async addresses(host) {
      const asked = await Promise.allSettled([lookup(host, 'A'), lookup(host, 'AAAA')]);
      const [v4, v6] = asked.map(addressesIn) as [PromiseSettledResult<string[]>, PromiseSettledResult<string[]>];
      // One that fails must not talk us out of asking for TLSA: that would be too easy.
      const isValidated = asked.every(answer => answer.status === 'rejected' || answer.value.isValidated);
      return { addresses: together(v4, v6), isValidated };
    },
    async tlsa(host, port) {
      const { records, isValidated } = await lookup(`_${port}._tcp.${host}`, 'TLSA');
      return isValidated ? records.filter(record => record.type === 'TLSA') : [];
    },
  };
}

/** Of public networks alone, unless others are allowed; those that `source` can go out to. */
export function reachable(
  addresses: readonly string[],
  { allowsPrivate, sourceAddress }: { allowsPrivate: boolean; sourceAddress: string | null },
): string[] {
  return addresses
    .filter(address => allowsPrivate || isPublicAddress(address))
    .filter(address => sourceAddress === null || isIPv6(address) === isIPv6(sourceAddress));
}

/** IPv4 first: receivers trust it more, as few senders have a name and a reputation for their IPv6 address. */
function together<T>(v4: PromiseSettledResult<T[]>, v6: PromiseSettledResult<T[]>): T[] {
  const found = [v4, v6].flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []));
  const failed = [v4, v6].find(answer => answer.status === 'rejected' && !isAbsent(answer.reason));
  if (found.length === 0 && failed) throw (failed as PromiseRejectedResult).reason;
  return found;
}

function addressesIn(answer: PromiseSettledResult<Validated>): PromiseSettledResult<string[]> {
  if (answer.status === 'rejected') return answer;
  return { status: 'fulfilled', value: answer.value.records.flatMap(one => ('address' in one ? [one.address] : [])) };
}
