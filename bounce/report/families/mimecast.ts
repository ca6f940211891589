/**
 * Mimecast: dashes in front of address, problem and answer.
 * Sample:
 *     -- joe@example.org
 *     The problem appears to be :
 *     -- Recipient email address is possibly incorrect
 */
import type { BlockFamily } from '../blocks.ts';

export const mimecast: BlockFamily = {
  name: 'mimecast',
  marks: ['the problem appears to be', 'an email that you attempted to send to the following address'],
  recipients: ['-- {addr}', '- {addr}', '{addr}'],
  from: ['could not be', 'following address'],
  until: ['this condition occurred', 'if you sent the email to multiple'],
  reason: 'through-blanks',
};
