/**
 * m-FILTER: the answer behind "server message", the refused command behind "SMTP command".
 * Sample:
 *     joe@example.org
 *
 *     -------server message
 *     550 unknown user <joe@example.org>
 *     -------SMTP command
 *     DATA
 */
import type { BlockFamily } from '../blocks.ts';

export const mfilter: BlockFamily = {
  name: 'mfilter',
  marks: ['-------server message'],
  recipients: ['{addr}'],
  reason: 'through-blanks',
};
