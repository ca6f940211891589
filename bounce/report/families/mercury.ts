/**
 * Mercury/32, XMail, MailEnable, hMailServer, Kerio and other small servers: label in front of the address.
 * Sample:
 *       Error: joe@example.org: 550 no such user
 */
import type { BlockFamily } from '../blocks.ts';

export const mercury: BlockFamily = {
  name: 'mercury',
  needs: 3,
  marks: [
    'recipient:',
    'reason:',
    'the following recipient',
    'error sending message',
    'message could not be delivered',
    'delivery failed',
    'mailenable',
    'your message did not reach',
    '[00] xmail bounce',
    'rcpt to:',
    'unable to deliver',
  ],
  recipients: [
    'recipient: {addr}',
    'recipient: [{text}] {addr}',
    'recipient : {addr}',
    'recipient address: {addr}',
    'recipient(s): {addr}',
    'error: {addr}: {text}',
    '[<04>] recipient = {addr}',
    'rcpt to = "{addr}"',
    'failed recipient: {addr}',
    'target mail address: {addr}',
    'address: {addr}',
    'e-mail address: {addr}',
    'email address: {addr}',
    'destination: {addr}',
    'empfänger: {addr}',
    'destinataire : {addr}',
    'destinataire: {addr}',
    'destinatario: {addr}',
    'error-for: {addr}',
    'error-for: {addr} {text}',
    'receiver: {addr}',
    'user: {addr}',
  ],
  reason: 'through-blanks',
};
