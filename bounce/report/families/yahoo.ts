/**
 * Yahoo (both engines), Yahoo Japan and hosts that run the same software (X2).
 * Sample:
 *     <joe@example.org>:
 *     Remote host said: 550 5.1.1 … [RCPT_TO]
 */
import type { BlockFamily } from '../blocks.ts';

export const yahoo: BlockFamily = {
  name: 'yahoo',
  marks: [
    'unable to deliver message to the following address',
    'sorry, we were unable to deliver your message',
    'message from yahoo',
  ],
  recipients: ['{addr}:', '{addr}: {text}'],
  indent: [0, 1],
};
