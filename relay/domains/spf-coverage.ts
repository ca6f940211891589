// Whether an SPF record, with all that it includes, lets a sender of ours pass.
import ipaddr from 'ipaddr.js';
import type { Resolve } from '../../src/platform/resolver.ts';
import { askAddresses, askExchanges } from './dns-answer.ts';
import type { Sender } from './providers.ts';
import type { SpfWalk } from './spf-walk.ts';

/** `unknown`: the DNS did not answer. */
export type Coverage = 'yes' | 'no' | 'unknown';

/** By name, as the MX, or by addresses that are listed. A sender that we cannot name is not asked about. */
export async function covers(resolve: Resolve, { passes }: SpfWalk, { term, host }: Sender): Promise<Coverage> {
  if (term === null) return 'yes';
  const [name, value] = [term.slice(0, term.indexOf(':')), term.slice(term.indexOf(':') + 1).toLowerCase()];
  if (passes.some(pass => pass.name === name && pass.value === value)) return 'yes';
  if (name === 'include') return 'no';
  const networks = passes.filter(pass => pass.name === 'ip4' || pass.name === 'ip6').map(pass => pass.value);
  if (name !== 'a') return isWithin(value, networks) ? 'yes' : 'no';
  const exchanges = await exchangesOf(resolve, passes);
  if (exchanges.includes(host.toLowerCase())) return 'yes';
  const addresses = await askAddresses(resolve, value);
  if (addresses.kind === 'failed') return 'unknown';
  return addresses.kind === 'records' && addresses.records.every(address => isWithin(address, networks)) ? 'yes' : 'no';
}

async function exchangesOf(resolve: Resolve, passes: SpfWalk['passes']): Promise<string[]> {
  const names = passes.filter(({ name, value }) => name === 'mx' && !value.includes('/')).map(({ value }) => value);
  const answers = await Promise.all(names.map(name => askExchanges(resolve, name)));
  return answers.flatMap(answer =>
    answer.kind === 'records' ? answer.records.map(({ exchange }) => exchange.toLowerCase()) : [],
  );
}

function isWithin(address: string, networks: readonly string[]): boolean {
  const parsed = ipaddr.parse(address);
  return networks.some(network => {
    const [text, length] = network.split('/');
    if (!ipaddr.isValid(text!)) return false;
    const base = ipaddr.parse(text!);
    return base.kind() === parsed.kind() && parsed.match(base, Number(length ?? (base.kind() === 'ipv4' ? 32 : 128)));
  });
}
