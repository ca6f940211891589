// Marks that a provider hands back in its events: the delivery's id in the one place of each provider that its events
// repeat. Without the mark an event is tied to its message by Message-ID and recipient alone.
import { type Provider, providerOfHost } from './provider.ts';
import type { MessageId } from './submission.ts';

/** The name of the tag, metadata entry, variable or argument. Postmark allows 20 characters, SES letters, digits, _ and -. */
const DELIVERY_MARK = 'postern';

/** Those that report events. */
export type ProviderKind = Extract<Provider, 'ses' | 'postmark' | 'mailgun' | 'sendgrid'>;

/** A message of ours, and which of its recipients; null = the transaction had several. */
export type MarkedDelivery = { readonly messageId: MessageId; readonly n: number | null };

/**
 * The header field, with its CRLF, that makes the provider behind `upstreamHost` repeat our delivery in its events; empty
 * for hosts that are none of theirs. `n` is null where one transaction takes the message to several recipients.
 *
 * - SES: message tags come back in `mail.tags`, when events are published by a configuration set.
 * - Postmark: `Metadata`. Mailgun: `user-variables`; that field also reaches the recipient.
 * - SendGrid: unique arguments stand in the event itself.
 */
export function providerFields(upstreamHost: string, messageId: MessageId, n: number | null): string {
  const value = n === null ? messageId : `${messageId}-${n}`;
  switch (providerOfHost(upstreamHost)) {
    case 'ses':
      return `X-SES-MESSAGE-TAGS: ${DELIVERY_MARK}=${value}\r\n`;
    case 'postmark':
      return `X-PM-Metadata-${DELIVERY_MARK}: ${value}\r\n`;
    case 'mailgun':
      return `X-Mailgun-Variables: ${JSON.stringify({ [DELIVERY_MARK]: value })}\r\n`;
    case 'sendgrid':
      return `X-SMTPAPI: ${JSON.stringify({ unique_args: { [DELIVERY_MARK]: value } })}\r\n`;
    default:
      return '';
  }
}

/** What `providerFields` wrote; null for anything else. */
export function readDeliveryMark(text: string): MarkedDelivery | null {
  const match = /^([0-7][0-9A-HJKMNP-TV-Z]{25})(?:-(\d{1,4}))?$/.exec(text);
  if (!match) return null;
  return { messageId: match[1] as MessageId, n: match[2] === undefined ? null : Number(match[2]) };
}
