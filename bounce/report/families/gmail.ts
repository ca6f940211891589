/**
 * Gmail and Workspace before 2016: address, then technical details with the answer of the other server.
 * Sample:
 *     Delivery to the following recipient failed permanently:
 *
 *          joe@example.org
 *
 *     Technical details of permanent failure:
 */
import type { BlockFamily } from '../blocks.ts';

export const gmail: BlockFamily = {
  name: 'gmail',
  marks: [
    'delivery to the following recipient failed permanently',
    'delivery to the following recipients failed permanently',
    'delivery to the following recipient has been delayed',
    'technical details of permanent failure',
    'technical details of temporary failure',
  ],
  recipients: ['{addr}', '* {addr}'],
  from: ['delivery to the following recipient', 'delevery to the following'],
  reason: 'through-blanks',
};
