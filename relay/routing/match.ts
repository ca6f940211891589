// Which rule is for a message: the first that fits. Pure.
import { type Address, domainOf, foldDomain } from '../../src/mail/address.ts';
import { parseAddressList } from '../../src/mail/address-list.ts';
import type { Stream } from '../../src/mail/submission.ts';
import type { When } from '../../src/platform/route-rules.ts';

/** What rules can ask of a message: the same when it is accepted and whenever it is read from the database again. */
export type MessageFacts = {
  readonly tenantId: string;
  readonly credentialName: string;
  readonly stream: Stream;
  readonly tags: readonly string[];
  readonly reversePath: string | null;
  /** The From field as it stands in the database: its beginning. */
  readonly headerFrom: string | null;
};

/** The first rule that fits such a message, and this recipient. */
export function ruleFor<Rule extends { readonly when: When }>(
  rules: readonly Rule[],
  message: MessageFacts,
  recipient: string | null,
): Rule | null {
  for (const rule of rules) if (fits(rule.when, message, recipient)) return rule;
  return null;
}

export function fits(when: When, message: MessageFacts, recipient: string | null): boolean {
  if (when.tenant && !when.tenant.includes(message.tenantId)) return false;
  if (when.credential && !when.credential.includes(message.credentialName)) return false;
  if (when.stream && !when.stream.includes(message.stream)) return false;
  if (when.tag && !when.tag.some(tag => message.tags.includes(tag))) return false;
  if (when.recipientDomain && !(recipient !== null && isUnder(recipientDomain(recipient), when.recipientDomain)))
    return false;
  if (!when.senderDomain) return true;
  const patterns = when.senderDomain;
  return senderDomains(message).some(domain => isUnder(domain, patterns));
}

/** Whether recipients of one message can come under different rules. */
export function asksForRecipient(rules: readonly { readonly when: When }[]): boolean {
  return rules.some(({ when }) => when.recipientDomain !== undefined);
}

/** Of the From field; where nobody can be read out of it, of the envelope. */
export function senderDomains({ headerFrom, reversePath }: MessageFacts): string[] {
  const authors = headerFrom === null ? null : parseAddressList(headerFrom);
  const addresses = authors && authors.length > 0 ? authors : reversePath === null ? [] : [reversePath as Address];
  return addresses.map(address => foldDomain(domainOf(address)));
}

/** Folded: the form in which two spellings of one domain meet. */
export function recipientDomain(recipient: string): string {
  return foldDomain(domainOf(recipient as Address));
}

function isUnder(domain: string, patterns: readonly string[]): boolean {
  return patterns.some(pattern => (pattern.startsWith('*.') ? domain.endsWith(pattern.slice(1)) : domain === pattern));
}
