// MAIL and RCPT with the parameters that the host offers to understand: SIZE (RFC 1870), BODY (6152), SMTPUTF8 (6531),
// RET, ENVID, NOTIFY and ORCPT (3461).
import type { Envelope, Recipient } from '../../src/mail/envelope.ts';

/** Keywords of EHLO. */
type Offered = { has(keyword: string): boolean };

export function mailCommand(envelope: Envelope, sizeBytes: number, offered: Offered): string {
  const size = offered.has('SIZE') ? ` SIZE=${sizeBytes}` : '';
  return `MAIL FROM:<${envelope.reversePath ?? ''}>${size}${mailParameters(envelope, offered)}`;
}

export function rcptCommand(recipient: Recipient, offered: Offered): string {
  return `RCPT TO:<${recipient.address}>${rcptParameters(recipient, offered)}`;
}

/** Each with a space in front, as those of `rcptParameters`. */
export function mailParameters({ body, smtpUtf8, ret, envid }: Envelope, offered: Offered): string {
  let parameters = '';
  if (offered.has('8BITMIME') && body === '8BITMIME') parameters += ' BODY=8BITMIME';
  if (offered.has('SMTPUTF8') && smtpUtf8) parameters += ' SMTPUTF8';
  if (!offered.has('DSN')) return parameters;
  if (ret) parameters += ` RET=${ret}`;
  if (envid) parameters += ` ENVID=${envid}`;
  return parameters;
}

export function rcptParameters({ notify, orcpt }: Recipient, offered: Offered): string {
  if (!offered.has('DSN')) return '';
  return (notify ? ` NOTIFY=${notify.join(',')}` : '') + (orcpt ? ` ORCPT=${orcpt}` : '');
}
