// What stands in MAIL FROM when mail leaves: a signed return path for each delivery, so that what comes back names the
// delivery and proves it. Therefore one transaction a recipient: with one token for several, each recipient of a message
// would hold what it takes to have the others suppressed. Mail from `<>` stays `<>`: it must never cause mail.
import type { Address } from '../src/mail/address.ts';
import type { Envelope } from '../src/mail/envelope.ts';
import type { MessageId } from '../src/mail/submission.ts';
import { issueToken, type ReturnPathKey, returnPathOf } from '../src/mail/verp.ts';
import type { Clock } from '../src/platform/clock.ts';
import type { UpstreamSettings } from '../src/platform/upstream-url.ts';

export type ReturnPaths = {
  /** Whether recipients of such mail must travel alone. */
  splits(envelope: Envelope): boolean;
  /** The envelope as it goes to that upstream; `numbers` are those of its recipients. */
  address(envelope: Envelope, messageId: MessageId, numbers: readonly number[], upstream: string): Envelope;
};

export type ReturnPathOptions = {
  /** null: only the envelope id (RFC 3461) is ours. */
  readonly domain: string | null;
  readonly key: ReturnPathKey;
  readonly upstreams: readonly Pick<UpstreamSettings, 'name' | 'ownReturnPath'>[];
  readonly clock: Clock;
};

export function createReturnPaths({ domain, key, upstreams, clock }: ReturnPathOptions): ReturnPaths {
  const insisting = new Set(upstreams.filter(one => one.ownReturnPath).map(one => one.name));
  const isEverCoded = domain !== null && upstreams.some(one => !one.ownReturnPath);
  return {
    splits: ({ reversePath, recipients }) => isEverCoded && reversePath !== null && recipients.length > 1,
    address(envelope, messageId, numbers, upstream) {
      if (envelope.reversePath === null) return envelope;
      const issued = { messageId, n: numbers.length === 1 ? numbers[0]! : null };
      const token = issueToken(issued, key, clock());
      const envid = envelope.envid ?? token;
      if (domain === null || insisting.has(upstream) || issued.n === null) return { ...envelope, envid };
      return { ...envelope, envid, reversePath: returnPathOf(token, domain) as Address };
    },
  };
}
