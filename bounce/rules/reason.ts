/** Why a delivery failed (docs: bounce taxonomy), and what that means for the address. */

export type BounceReason =
  | 'no_mailbox'
  | 'moved'
  | 'no_domain'
  | 'no_mail_service'
  | 'mailbox_disabled'
  | 'filtered'
  | 'restricted'
  | 'mailbox_full'
  | 'message_too_big'
  | 'content_rejected'
  | 'noncompliant'
  | 'spam'
  | 'virus'
  | 'policy'
  | 'security'
  | 'auth_failure'
  | 'reputation'
  | 'no_ptr'
  | 'rate_limited'
  | 'greylisted'
  | 'sender_rejected'
  | 'relay_denied'
  | 'network'
  | 'expired'
  | 'system'
  | 'protocol'
  | 'delivered'
  | 'complaint'
  | 'auto_reply'
  | 'unknown';

/** The address itself is bad: nothing that we or its owner's provider does will make the next message arrive. */
export const hardReasons: ReadonlySet<BounceReason> = new Set<BounceReason>([
  'no_mailbox',
  'moved',
  'no_domain',
  'no_mail_service',
]);

/** Nothing failed, or nothing about delivery. */
export const harmlessReasons: ReadonlySet<BounceReason> = new Set<BounceReason>([
  'delivered',
  'complaint',
  'auto_reply',
]);
