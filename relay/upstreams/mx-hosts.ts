// Which hosts take a domain's mail, in the order to try them (RFC 5321 section 5.1). What is certain, that nobody does, is
// a permanent reply; whatever the DNS leaves open is a transient one.
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { type Reply, reply } from '../../src/mail/reply.ts';
import { SessionError } from './greeting.ts';
import type { Mx, MxDns } from './mx-dns.ts';

export type MxHosts = {
  /** Names; one address, for an address literal. */
  readonly hosts: readonly string[];
  /** The list was validated, so that DANE means something. */
  readonly isValidated: boolean;
};

export type HostsOptions = {
  readonly dns: MxDns;
  /** Ours: a host that stands in the list sends to those before it only, or in a circle. */
  readonly hostname: string;
  /** 0 ≤ random < 1 */
  readonly random: () => number;
};

/** Throws `SessionError` when there are none. */
export async function findHosts(domain: string, options: HostsOptions): Promise<MxHosts> {
  const literal = addressIn(domain);
  if (literal !== null) return { hosts: [literal], isValidated: false };
  const name = domainToASCII(domain).toLowerCase();
  if (name === '') throw unroutable(reply(550, '5.1.2', `${domain} is no domain name`));
  const { records, isNameAbsent, isValidated } = await asking(options.dns.mx(name));
  if (isNameAbsent) throw unroutable(reply(550, '5.1.2', `the domain ${name} does not exist`));
  if (records.length === 0) return implicitHost(name, options);
  if (isNullMx(records)) throw unroutable(reply(556, '5.1.10', `${name} takes no mail (null MX, RFC 7505)`));
  const hosts = inOrder(records, options);
  if (hosts.length === 0) throw unroutable(reply(554, '5.4.6', `mail for ${name} would come back to us`));
  return { hosts, isValidated };
}

/** What the DNS could not answer is answered for it: not now. */
export async function asking<T>(question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    throw new SessionError('connect', reply(451, '4.4.3', (error as Error).message), 'network');
  }
}

/** `[192.0.2.1]` and `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3); null for a name. */
export function addressIn(domain: string): string | null {
  const text = /^\[(?:IPv6:)?(.*)\]$/i.exec(domain)?.[1];
  return text !== undefined && isIP(text) ? text : null;
}

/** Without MX, the domain is its own host; it must be one. */
async function implicitHost(name: string, { dns }: HostsOptions): Promise<MxHosts> {
  const { addresses, isValidated } = await asking(dns.addresses(name));
  if (addresses.length === 0) throw unroutable(reply(550, '5.4.4', `${name} has neither MX nor address`));
  return { hosts: [name], isValidated };
}

/** RFC 7505 section 3: alone, and the root. */
function isNullMx(records: readonly Mx[]): boolean {
  return records.length === 1 && bare(records[0]!.exchange) === '';
}

function inOrder(records: readonly Mx[], { hostname, random }: HostsOptions): string[] {
  const named = records.filter(({ exchange }) => bare(exchange) !== '');
  const ourselves = named.find(({ exchange }) => bare(exchange) === bare(hostname));
  const left = named.filter(({ priority }) => ourselves === undefined || priority < ourselves.priority);
  const drawn = left.map(({ exchange, priority }) => ({ name: bare(exchange), priority, lot: random() }));
  drawn.sort((a, b) => a.priority - b.priority || a.lot - b.lot);
  return [...new Set(drawn.map(({ name }) => name))];
}

function unroutable(answer: Reply): SessionError {
  return new SessionError('rcpt', answer, 'recipient');
}

const bare = (name: string) => name.toLowerCase().replace(/\.$/, '');
