/**
 * Ipswitch IMail (SMTP32): the reason in front of the address, one line a recipient.
 * Sample:
 *     Unknown user: joe@example.org
 */
import type { BlockFamily } from '../blocks.ts';

export const imail: BlockFamily = {
  name: 'imail',
  needs: 3,
  marks: [
    'unknown user:',
    'unknown host:',
    'user mailbox exceeds allowed size',
    'delivery failed ',
    'invalid final delivery userid',
    'undeliverable to ',
    'no mailbox here by',
    'mail rejected:',
  ],
  recipients: [
    'unknown user: {addr}',
    'unknown host: {addr}',
    'unknown user: {addr} {text}',
    'invalid final delivery userid: {addr}',
    'user mailbox exceeds allowed size: {addr}',
    'undeliverable to {addr}',
    '{text}: {addr}',
    '{text}: {addr} {text}',
  ],
  reason: 'behind',
};
