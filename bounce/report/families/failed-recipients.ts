/**
 * Gateways that head their list "Failed Recipients" (WebShield, James, others).
 * Sample:
 *     ------ Failed Recipients ------
 *     <joe@example.org>: Requested action not taken: mailbox unavailable. [SMTP Error Code 550]
 */
import type { BlockFamily } from '../blocks.ts';

export const failedRecipients: BlockFamily = {
  name: 'failed-recipients',
  marks: [
    'failed recipients -',
    'failed recipient(s):',
    'failed recipients:',
    'could not be delivered to the following recipients:',
    'not delivered to the following recipients',
    'delivery failed to the following recipients',
    'delivery to these recipients failed',
  ],
  recipients: ['{addr}: {text}', '{addr}', '{addr}:', '* {addr}', '- {addr}', '{addr} - {text}', '{addr} ({text})'],
  from: ['recipient'],
  reason: 'through-blanks',
};
