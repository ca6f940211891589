/**
 * Gateways of mobile operators (Verizon, Vtext, Cingular): the error first, the envelope below.
 * Sample:
 *     Error: Invalid user address
 *     550 - Requested action not taken: no such user here
 *       RCPT TO: joe@example.org
 */
import type { BlockFamily } from '../blocks.ts';

export const mms: BlockFamily = {
  name: 'mms',
  marks: ['error message below:', 'this is the james mail server', 'message could not be delivered to mobile'],
  recipients: ['rcpt to: {addr}', 'to: {addr}'],
  reason: 'above',
};
