// The domains in the From field, which DMARC is about.
import { domainOf } from '../../src/mail/address.ts';
import { parseAddressList } from '../../src/mail/address-list.ts';
import { countFields, fieldValue, type Header } from '../../src/mail/header.ts';
import { normaliseDomain } from './alignment.ts';

/** As in sender.ts; a field cut off here would name other people. */
const MAX_FIELD = 10_000;
/** RFC 7489 section 6.6.1 has each of several domains judged; nobody writes as more than a few. */
const MAX_DOMAINS = 5;

/** Each once, normalised; null = there is none, or two readers could see different ones. */
export function authorDomains(content: Buffer, header: Header): readonly string[] | null {
  if (countFields(header, 'from') !== 1 || !header.endsWell) return null;
  const value = fieldValue(content, header, 'from', MAX_FIELD)!;
  const addresses = value.length < MAX_FIELD ? parseAddressList(value) : null;
  if (addresses === null || addresses.length === 0) return null;
  const domains = new Set<string>();
  for (const address of addresses) {
    const domain = normaliseDomain(domainOf(address));
    if (domain === null) return null;
    domains.add(domain);
  }
  return domains.size <= MAX_DOMAINS ? [...domains] : null;
}
