/**
 * Lotus Notes SMTP MTA: the reason stands above the address.
 * Sample:
 *     ------- Failure Reasons  --------
 *
 *     User not listed in public Name & Address Book
 *     joe@example.org
 */
import type { BlockFamily } from '../blocks.ts';

export const notes: BlockFamily = {
  name: 'notes',
  marks: ['failure reasons'],
  recipients: ['{addr}'],
  reason: 'above',
};
