/**
 * amavisd-new without status part.
 * Sample:
 *     The message WAS NOT relayed to:
 *     <joe@example.org>:
 *        554 5.7.0 Reject, id=… - SPAM
 */
import type { BlockFamily } from '../blocks.ts';

export const amavis: BlockFamily = {
  name: 'amavis',
  marks: ['the message was not relayed to', 'was considered ube', 'was not delivered to the following recipient'],
  recipients: ['{addr}:', '{addr}', '{addr}: {text}'],
  from: ['relayed to', 'recipient'],
  reason: 'behind',
};
