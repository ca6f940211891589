/**
 * Domino and Notes: subject, list, "because:", reason.
 * Sample:
 *     was not delivered to:
 *       joe@example.org
 *     because:
 *       User joe (joe@example.org) not listed in Domino Directory
 */
import type { BlockFamily } from '../blocks.ts';

export const domino: BlockFamily = {
  name: 'domino',
  marks: [
    'was not delivered to:',
    'wurde nicht zugestellt an:',
    'failed to be delivered to:',
    "n'a pas été remis à",
    'not listed in domino directory',
    'not listed in public name',
    'non è stato recapitato',
  ],
  recipients: ['{addr}', '{addr} because: {text}', '<{addr}>'],
  from: ['delivered to:', 'zugestellt an', 'remis à', 'recapitato'],
  reason: 'through-blanks',
};
