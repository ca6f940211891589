// The part that programs read: message/delivery-status (RFC 3464 section 2), or its form for addresses and replies that
// are not ASCII, message/global-delivery-status (RFC 6533 section 4). Fields of the message, then a group a recipient.
import { formatDate } from '../transforms.ts';
import { fold, fromXtext, isAscii, originalRecipient, typedAddress } from './encodings.ts';
import type { RecipientStatus } from './status.ts';

export type StatusFields = {
  readonly hostname: string;
  /** ENVID= as it came. */
  readonly envid: string | null;
  readonly arrivedAt: Date;
  /** Ours, of the message that it is about. */
  readonly messageId: string;
  readonly recipients: readonly RecipientStatus[];
};

export type StatusPart = { readonly type: string; readonly text: string };

/** `isGlobal`: whoever is told can read UTF-8 there. */
export function statusPart(fields: StatusFields, isGlobal: boolean): StatusPart {
  const groups = [messageGroup(fields), ...fields.recipients.map(recipient => recipientGroup(recipient, isGlobal))];
  const text = groups.map(group => `${group.join('\r\n')}\r\n`).join('\r\n');
  return { type: isAscii(text) ? 'message/delivery-status' : 'message/global-delivery-status', text };
}

function messageGroup({ hostname, envid, arrivedAt, messageId }: StatusFields): string[] {
  return [
    `Reporting-MTA: dns; ${hostname}`,
    ...(envid === null ? [] : [`Original-Envelope-Id: ${fromXtext(envid)}`]),
    `Arrival-Date: ${formatDate(arrivedAt.getTime())}`,
    `X-Postern-Message-Id: ${messageId}`,
  ];
}

function recipientGroup(one: RecipientStatus, isGlobal: boolean): string[] {
  const { recipient, orcpt, action, status, said, remoteMta, lastAttemptAt, willRetryUntil } = one;
  const date = (name: string, at: Date | null) => (at === null ? [] : [`${name}: ${formatDate(at.getTime())}`]);
  return [
    ...(orcpt === null ? [] : [`Original-Recipient: ${originalRecipient(orcpt, isGlobal)}`]),
    `Final-Recipient: ${typedAddress(recipient, isGlobal)}`,
    `Action: ${action}`,
    `Status: ${status}`,
    ...(remoteMta === null ? [] : [`Remote-MTA: dns; ${addressLiteral(remoteMta)}`]),
    ...(said === null ? [] : [`Diagnostic-Code: ${fold(`${said.type}; ${oneLine(said.text, isGlobal)}`)}`]),
    ...date('Last-Attempt-Date', lastAttemptAt),
    ...date('Will-Retry-Until', willRetryUntil),
  ];
}

function addressLiteral(address: string): string {
  return address.includes(':') ? `[IPv6:${address}]` : `[${address}]`;
}

/** The text part has it whole; here, what may not stand is a question mark. */
function oneLine(text: string, isGlobal: boolean): string {
  const line = text.replaceAll(/[\x00-\x20\x7f-\x9f]+/g, ' ').toWellFormed();
  return isGlobal ? line : line.replaceAll(/[^\x00-\x7f]/gu, '?');
}
