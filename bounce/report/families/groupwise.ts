/**
 * GroupWise: user and reason in brackets.
 * Sample:
 *     joe@example.org (user not found)
 */
import type { BlockFamily } from '../blocks.ts';

export const groupwise: BlockFamily = {
  name: 'groupwise',
  marks: [
    'the message that you sent was undeliverable to the following',
    'the attached file had the following undeliverable recipient',
    'undeliverable recipient(s)',
    'the message that you sent was undeliverable',
  ],
  recipients: ['{addr} ({text})', '{addr}', '{addr}: {text}'],
  from: ['undeliverable'],
  reason: 'through-blanks',
};
