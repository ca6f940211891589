// The domains that DMARC is about, out of the addresses in the From field.
import { type Address, domainOf } from '../../src/mail/address.ts';
import { normaliseDomain } from './alignment.ts';

/** RFC 7489 section 6.6.1 has each of several domains judged; nobody writes as more than a few. */
const MAX_DOMAINS = 5;

/** Each once, normalised; null = there is none, or two readers could see different ones. */
export function authorDomains(authors: readonly Address[] | null): readonly string[] | null {
  if (authors === null) return null;
  const domains = new Set<string>();
  for (const address of authors) {
    const domain = normaliseDomain(domainOf(address));
    if (domain === null) return null;
    domains.add(domain);
  }
  return domains.size <= MAX_DOMAINS ? [...domains] : null;
}
