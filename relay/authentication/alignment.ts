// When two domains count as one another's (RFC 7489 section 3.1): the same, or below the same organisational domain, which
// the Public Suffix List tells. RFC 9989 finds it by walking up the DNS instead; receivers are on the way from one to the
// other, the two agree wherever the organisational domain itself has a record, and the list costs no look-ups.
import { domainToASCII } from 'node:url';
import { getDomain } from 'tldts';

/** strict: the same domain; relaxed: the same organisational domain. */
export type Alignment = 'strict' | 'relaxed';

/** The private part of the list too: customers of a shop host are strangers to one another. */
const LIST = { allowIcannDomains: true, allowPrivateDomains: true, validateHostname: false } as const;
const NAME = /^[a-z\d_](?:[a-z\d._-]*[a-z\d])?$/;

/** Lower case, A-labels, without the root's dot: as compared and looked up. null = no name in the DNS. */
export function normaliseDomain(domain: string): string | null {
  const lower = domain.toLowerCase().replace(/\.$/, '');
  const ascii = /[^\0-\x7f]/.test(lower) ? domainToASCII(lower) : lower;
  return ascii.length <= 253 && NAME.test(ascii) && !ascii.includes('..') ? ascii : null;
}

/** Both normalised. */
export function isAligned(a: string, b: string, alignment: Alignment): boolean {
  return a === b || (alignment === 'relaxed' && organisationalDomain(a) === organisationalDomain(b));
}

/** The name that was registered: example.co.uk for a.b.example.co.uk. A public suffix is its own. */
export function organisationalDomain(domain: string): string {
  return getDomain(domain, LIST) ?? domain;
}
