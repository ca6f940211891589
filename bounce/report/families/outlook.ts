/**
 * Outlook.com, Hotmail and the SMTP service of IIS: reason above a list of bare addresses.
 * Sample:
 *     Delivery to the following recipients failed.
 *
 *            joe@example.org
 */
import type { BlockFamily } from '../blocks.ts';

export const outlook: BlockFamily = {
  name: 'outlook',
  marks: [
    'delivery to the following recipients failed',
    'delivery to the following recipients has been delayed',
    'delivery to the following recipient failed',
    'unable to deliver message to the following recipients',
    'successfully relayed to the following recipients',
  ],
  recipients: ['{addr}', '{addr} {text}'],
  from: ['following recipient'],
  reason: 'through-blanks',
};
