/**
 * McAfee gateway: arrow lists.
 * Sample:
 *     --- The following addresses had delivery problems ---
 *
 *     <joe@example.org>   (User unknown joe@example.org)
 */
import type { BlockFamily } from '../blocks.ts';

export const mcafee: BlockFamily = {
  name: 'mcafee',
  marks: ['the following addresses had delivery problems'],
  recipients: ['{addr} ({text})', '{addr} {text}', '{addr}'],
  from: ['delivery problems'],
  reason: 'through-blanks',
};
