/**
 * MailFoundry and relatives: "Unable to deliver message to:".
 * Sample:
 *     Unable to deliver message to: <joe@example.org>
 *     Delivery failed for the following reason:
 */
import type { BlockFamily } from '../blocks.ts';

export const mailfoundry: BlockFamily = {
  name: 'mailfoundry',
  marks: ['unable to deliver message to:', 'unable to deliver to:', 'could not deliver message to'],
  recipients: [
    'unable to deliver message to: {addr}',
    'unable to deliver to: {addr}',
    'could not deliver message to: {addr}',
    'could not deliver message to {addr}',
    'unable to deliver message to: {addr} {text}',
  ],
  reason: 'through-blanks',
  until: ['this has been a permanent failure'],
};
