// The envelope of RFC 5321 with the DSN parameters of RFC 3461. Parameter values stay in their wire form (xtext), as they
// are only ever passed on.
import type { Address } from './address.ts';

export type Notify = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY';

export type Recipient = {
  readonly address: Address;
  /** NOTIFY=, or null when the client did not say. */
  readonly notify: readonly Notify[] | null;
  /** ORCPT=, `rfc822;xtext`. */
  readonly orcpt: string | null;
};

export type Envelope = {
  /** null is `<>`: mail that must never cause mail. */
  readonly reversePath: Address | null;
  readonly recipients: readonly Recipient[];
  readonly ret: 'FULL' | 'HDRS' | null;
  readonly envid: string | null;
  readonly body: '7BIT' | '8BITMIME';
  readonly smtpUtf8: boolean;
};
