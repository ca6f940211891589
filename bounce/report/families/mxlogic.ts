/**
 * MX Logic and McAfee: address and answer on one line.
 * Sample:
 *       <joe@example.org>: 550 5.1.1 User unknown
 */
import type { BlockFamily } from '../blocks.ts';

export const mxlogic: BlockFamily = {
  name: 'mxlogic',
  needs: 3,
  marks: ['included is a copy of the message header', 'the following address failed:', 'mcafee'],
  recipients: ['{addr}: {text}', '{addr}:'],
  reason: 'behind',
};
