/**
 * SurfControl RiskFilter.
 * Sample:
 *     Your message could not be sent.
 *     …
 *     Address or domain : joe@example.org
 *     Reason : 550 User unknown
 */
import type { BlockFamily } from '../blocks.ts';

export const surfcontrol: BlockFamily = {
  name: 'surfcontrol',
  needs: 3,
  marks: ['your message could not be sent', 'message was not sent to the following'],
  recipients: [
    'invalid address : {addr}',
    'the following recipients were not valid: {addr}',
    '{text} to: {addr}',
    'to: {addr}',
    '{addr}',
  ],
  reason: 'through-blanks',
};
