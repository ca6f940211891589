// Names of domains as we store, sign and look them up: A-labels in lower case.
import { domainToASCII } from 'node:url';
import { getDomain } from 'tldts';
import { isDomain } from '../../src/mail/address.ts';

/** The name, or what is wrong with it, in words. */
export function parseSendingDomain(text: string): string | { readonly problem: string } {
  const domain = domainToASCII(text.trim().replace(/\.$/, '')).toLowerCase();
  if (!isDomain(domain) || !/^[a-z\d.-]+$/.test(domain) || domain.length > 253 || /^[\d.]+$/.test(domain))
    return { problem: `${JSON.stringify(text)} is not a domain` };
  // A key of `co.uk` would sign for everybody below it.
  return zoneOf(domain) === null
    ? { problem: `${domain} is nobody's own domain: people register names below it` }
    : domain;
}

/** The domain that its owner registered, whose zone the records most likely are in. */
export function zoneOf(domain: string): string | null {
  return getDomain(domain, { allowPrivateDomains: true });
}
