/** What a provider told us over HTTP, in one form for all of them. */
import type { MarkedDelivery, ProviderKind } from '../../src/mail/provider-fields.ts';
import type { BounceReason } from '../rules/reason.ts';

export type ProviderEventKind =
  /** Given up: the recipient's side refused it, at once or after a while. */
  | 'bounced'
  /** Not yet; the provider goes on trying. */
  | 'delayed'
  /** Its reader called it spam. */
  | 'complained'
  | 'delivered'
  /** The provider itself did not send it: its own suppression list, content, templates. Says nothing about the address. */
  | 'rejected'
  | 'unsubscribed';

export type ProviderEvent = {
  readonly provider: ProviderKind;
  /** Of several accounts at that provider; null = the one without a name. */
  readonly account: string | null;
  /** The same when the provider tells it again: provider, account and this are the key against counting twice. */
  readonly eventId: string;
  readonly at: Date;
  readonly kind: ProviderEventKind;
  /** At least one. */
  readonly recipients: readonly EventRecipient[];
  readonly providerMessageId: string | null;
  /** The Message-ID of the message as we sent it, without angle brackets; null where the provider writes its own. */
  readonly internetMessageId: string | null;
  /** What of ours came back: the way to the message, best first. */
  readonly ourIds: readonly OurId[];
  /** The event as JSON text, for evidence; without signatures. */
  readonly raw: string;
};

/** Neither is proof against the account's owner: the recipient must be one of that message. */
export type OurId =
  | ({ readonly kind: 'delivery' } & MarkedDelivery)
  | { readonly kind: 'return-path'; readonly address: string };

export type EventRecipient = {
  /** Whom we mailed, as far as the event tells. */
  readonly address: string;
  /** Where it ended, when forwarding took it elsewhere. */
  readonly finalAddress: string | null;
  readonly status: string | null;
  readonly replyCode: string | null;
  /** The server's words, one line. */
  readonly diagnostic: string;
  /** Null where there is nothing to give a reason for: unsubscribed. */
  readonly reason: BounceReason | null;
  /** The address is dead for sure. Only ever true of `bounced`. */
  readonly hard: boolean;
  /** What decided: the classifier's rule, the provider's own words, or both. */
  readonly rule: string;
  /** 0 to 1, as of the classifier. */
  readonly confidence: number;
  /** Of a complaint (RFC 5965 section 3.1). */
  readonly feedbackType: string | null;
  /** False where the provider lists several and knows only that one of them did it. */
  readonly isCertain: boolean;
};
