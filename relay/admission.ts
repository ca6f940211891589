// What can be said already at MAIL and RCPT, before anything was sent: that a quota is used up, that an address is
// suppressed. Only for credentials that want to be told so; others have it settled when the message is accepted.
import type { Address } from '../src/mail/address.ts';
import type { Reply } from '../src/mail/reply.ts';
import type { Identity } from '../src/mail/submission.ts';

export type Admission = {
  /** Why the credential may not begin a message now, or null. */
  readonly objectToMail: (identity: Identity) => Promise<Reply | null> | null;
  /** Why the recipient is refused, or null. */
  readonly objectToRecipient: (identity: Identity, recipient: Address) => Promise<Reply | null> | null;
};
