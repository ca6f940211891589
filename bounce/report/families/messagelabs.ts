/**
 * MessageLabs (Symantec.cloud): bare address, then "Reason:".
 * Sample:
 *     joe@example.org
 *
 *     Reason: 550 5.1.1 User unknown
 */
import type { BlockFamily } from '../blocks.ts';

export const messagelabs: BlockFamily = {
  name: 'messagelabs',
  marks: ['mail delivery agent at messagelabs', 'unable to deliver your message to the following addresses:'],
  recipients: ['{addr}', '{addr}:'],
  from: ['following addresses'],
  until: ['the message subject was'],
  reason: 'through-blanks',
};
