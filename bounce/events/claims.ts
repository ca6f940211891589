/**
 * What providers' own words mean, as data. Their taxonomies mix the address with everything else: SES and Postmark call
 * things hard that are blocks, Mailgun's `permanent` is any 5xx. So the server's words are asked first, by the classifier
 * that judges mail reports too, and the provider's word stands beside them:
 *
 * - `never`: the provider says that it is not the address. Then it is not hard, whatever the words: an address called dead
 *   by mistake is lost to its owner, one called alive costs another bounce.
 * - `if-words-agree`: the provider's word is too wide to count. Hard if the classifier says so.
 * - `by-itself`: the provider's word is as narrow as "no such mailbox". It counts where the words say nothing.
 *
 * Sources, read in November 2026: "Amazon SNS notification contents for Amazon SES", "Contents of event data that Amazon
 * SES publishes"; Postmark "Bounce API: bounce types"; Mailgun "Webhook payloads" and "Tracking failures"; Twilio SendGrid
 * "Event Webhook Reference" and "Bounce classifications".
 */
import type { ProviderKind } from '../../src/mail/provider-fields.ts';
import type { BounceReason } from '../rules/reason.ts';
import type { ProviderEventKind } from './provider-event.ts';

export type Claim = {
  /** As the provider writes it; `*` for whatever else stands there. */
  readonly says: string;
  /** Null: nothing about delivery, so no event. */
  readonly kind: ProviderEventKind | null;
  readonly hard: 'by-itself' | 'if-words-agree' | 'never';
  /** For where the words say nothing. */
  readonly reason: BounceReason;
};

type Row = readonly [says: string, kind: Claim['kind'], hard: Claim['hard'], reason: BounceReason];

const ROWS: Readonly<Record<ProviderKind, readonly Row[]>> = {
  // bounceType/bounceSubType. NoEmail meant "no such address" until 2021 and means "no address in the report" since.
  // Transient is also what an out-of-office reply comes as.
  ses: [
    ['Permanent/General', 'bounced', 'if-words-agree', 'unknown'],
    ['Permanent/NoEmail', 'bounced', 'if-words-agree', 'unknown'],
    ['Permanent/Suppressed', 'rejected', 'never', 'unknown'],
    ['Permanent/OnAccountSuppressionList', 'rejected', 'never', 'unknown'],
    ['Permanent/UnsubscribedRecipient', 'rejected', 'never', 'unknown'],
    ['Permanent/*', 'bounced', 'if-words-agree', 'unknown'],
    ['Transient/General', 'bounced', 'never', 'unknown'],
    ['Transient/MailboxFull', 'bounced', 'never', 'mailbox_full'],
    ['Transient/MessageTooLarge', 'bounced', 'never', 'message_too_big'],
    ['Transient/ContentRejected', 'bounced', 'never', 'content_rejected'],
    ['Transient/AttachmentRejected', 'bounced', 'never', 'content_rejected'],
    ['Transient/CustomTimeoutExceeded', 'bounced', 'never', 'expired'],
    ['Transient/*', 'bounced', 'never', 'unknown'],
    ['Undetermined/*', 'bounced', 'if-words-agree', 'unknown'],
  ],
  // Type. Postmark deactivates the address after HardBounce only, which it reserves for "unknown user, mailbox not found".
  // BadEmailAddress is its grammar against ours. Transient types are still being tried.
  postmark: [
    ['HardBounce', 'bounced', 'by-itself', 'no_mailbox'],
    ['Transient', 'delayed', 'never', 'network'],
    ['Unsubscribe', 'unsubscribed', 'never', 'unknown'],
    ['Subscribe', null, 'never', 'unknown'],
    ['AutoResponder', null, 'never', 'auto_reply'],
    ['AddressChange', 'bounced', 'never', 'moved'],
    ['DnsError', 'bounced', 'never', 'network'],
    ['SpamNotification', 'bounced', 'never', 'spam'],
    ['OpenRelayTest', null, 'never', 'unknown'],
    ['Unknown', 'bounced', 'if-words-agree', 'unknown'],
    ['SoftBounce', 'bounced', 'never', 'unknown'],
    ['VirusNotification', 'bounced', 'never', 'virus'],
    ['ChallengeVerification', null, 'never', 'auto_reply'],
    ['BadEmailAddress', 'bounced', 'if-words-agree', 'unknown'],
    ['SpamComplaint', 'complained', 'never', 'complaint'],
    ['ManuallyDeactivated', 'rejected', 'never', 'unknown'],
    ['Unconfirmed', 'rejected', 'never', 'unknown'],
    ['Blocked', 'bounced', 'never', 'policy'],
    ['SMTPApiError', 'rejected', 'never', 'unknown'],
    ['InboundError', null, 'never', 'unknown'],
    ['DMARCPolicy', 'bounced', 'never', 'auth_failure'],
    ['TemplateRenderingFailed', 'rejected', 'never', 'unknown'],
    ['*', 'bounced', 'if-words-agree', 'unknown'],
  ],
  // severity/reason. The suppress- reasons are Mailgun's own lists (codes 605 to 607), which may be years old.
  mailgun: [
    ['permanent/bounce', 'bounced', 'if-words-agree', 'unknown'],
    ['permanent/delayed-bounce', 'bounced', 'if-words-agree', 'unknown'],
    ['permanent/generic', 'bounced', 'if-words-agree', 'unknown'],
    ['permanent/hardfail', 'bounced', 'if-words-agree', 'unknown'],
    ['permanent/espblock', 'bounced', 'never', 'policy'],
    ['permanent/blacklisted', 'bounced', 'never', 'reputation'],
    ['permanent/greylisted', 'bounced', 'never', 'greylisted'],
    ['permanent/old', 'bounced', 'never', 'expired'],
    ['permanent/suppress-bounce', 'rejected', 'never', 'unknown'],
    ['permanent/suppress-complaint', 'rejected', 'never', 'unknown'],
    ['permanent/suppress-unsubscribe', 'rejected', 'never', 'unknown'],
    ['permanent/*', 'bounced', 'if-words-agree', 'unknown'],
    ['temporary/greylisted', 'delayed', 'never', 'greylisted'],
    ['temporary/espblock', 'delayed', 'never', 'policy'],
    ['temporary/*', 'delayed', 'never', 'unknown'],
  ],
  // type: bounce_classification, and dropped: reason. `type: blocked` is SendGrid's word for "not the address"; it also
  // stands on domains without DNS. Mailbox Unavailable is full, inactive and unknown in one.
  sendgrid: [
    ['bounce: Invalid Address', 'bounced', 'by-itself', 'no_mailbox'],
    ['bounce: Mailbox Unavailable', 'bounced', 'if-words-agree', 'mailbox_disabled'],
    ['bounce: Unclassified', 'bounced', 'if-words-agree', 'unknown'],
    ['bounce: Technical Failure', 'bounced', 'never', 'network'],
    ['bounce: Technical', 'bounced', 'never', 'network'],
    ['bounce: Content', 'bounced', 'never', 'content_rejected'],
    ['bounce: Reputation', 'bounced', 'never', 'reputation'],
    ['bounce: Frequency or Volume Too High', 'bounced', 'never', 'rate_limited'],
    ['bounce: Frequency/Volume', 'bounced', 'never', 'rate_limited'],
    ['bounce: *', 'bounced', 'if-words-agree', 'unknown'],
    ['blocked: Mailbox Unavailable', 'bounced', 'never', 'mailbox_disabled'],
    ['blocked: Technical Failure', 'bounced', 'never', 'network'],
    ['blocked: Content', 'bounced', 'never', 'content_rejected'],
    ['blocked: Reputation', 'bounced', 'never', 'reputation'],
    ['blocked: Frequency or Volume Too High', 'bounced', 'never', 'rate_limited'],
    ['blocked: *', 'bounced', 'never', 'policy'],
    ['dropped: Spam Content', 'rejected', 'never', 'spam'],
    ['dropped: *', 'rejected', 'never', 'unknown'],
  ],
};

export const CLAIMS: Readonly<Record<ProviderKind, readonly Claim[]>> = {
  ses: ROWS.ses.map(claimFrom),
  postmark: ROWS.postmark.map(claimFrom),
  mailgun: ROWS.mailgun.map(claimFrom),
  sendgrid: ROWS.sendgrid.map(claimFrom),
};

/** `says` comes from the payload, cut to a line. What is not in the table is believed in nothing. */
export function claimOf(provider: ProviderKind, says: string): Claim {
  const wanted = says.toLowerCase();
  const wide = `${/^.*?(\/|: )/.exec(wanted)?.[0] ?? ''}*`;
  const found = (key: string) => CLAIMS[provider].find(claim => claim.says.toLowerCase() === key);
  const claim = found(wanted) ?? found(wide);
  return claim ? { ...claim, says } : { says, kind: 'bounced', hard: 'never', reason: 'unknown' };
}

function claimFrom([says, kind, hard, reason]: Row): Claim {
  return { says, kind, hard, reason };
}
