/**
 * Exchange 5.5 and Server 2003 without status part: address, date, reason, MSEXCH line. X.400 names are passed over.
 * Sample:
 *     joe@example.org on Thu, 29 Apr 2010 00:00:00 -0000
 *         The recipient name is not recognized
 */
import type { BlockFamily } from '../blocks.ts';

export const exchange5: BlockFamily = {
  name: 'exchange5',
  marks: [
    'did not reach the following recipient(s)',
    'the following recipient(s) could not be reached',
    'did not reach some or all of the intended recipients',
    'the following recipient(s) cannot be reached',
    'could not be reached:',
  ],
  recipients: [
    '{addr} on {text}',
    '{text}smtp={addr}; on {text}',
    '{text}smtp={addr};{text}',
    '{text}smtp={addr}; {text}',
    '{addr} am {text}',
    '{addr} le {text}',
    '{addr} el {text}',
    '{addr}',
    "'{addr}' on {text}",
    '{text} <{addr}> on {text}',
  ],
  from: ['following recipient', 'could not be reached', 'cannot be reached'],
  indent: [0, 12],
};
