/**
 * MailMarshal: the reason above the list.
 * Sample:
 *     Could not be delivered because of
 *
 *     550 5.1.1 User unknown
 *
 *     The following recipients were affected:
 *         joe@example.org
 */
import type { BlockFamily } from '../blocks.ts';

export const mailmarshal: BlockFamily = {
  name: 'mailmarshal',
  marks: ['the following recipients were affected'],
  recipients: ['{addr}'],
  from: ['recipients were affected'],
  until: ['additional information'],
  reason: 'above',
};
