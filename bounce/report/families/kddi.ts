/**
 * KDDI and au one net: "Could not be delivered to:".
 * Sample:
 *          Could not be delivered to: <joe@example.org>
 *          As their mailbox is full.
 */
import type { BlockFamily } from '../blocks.ts';

export const kddi: BlockFamily = {
  name: 'kddi',
  marks: ['your mail sent on:', 'your mail attempted to be delivered on', 'could not be delivered to:'],
  recipients: ['could not be delivered to: {addr}', 'could not be delivered to: {addr} {text}'],
  reason: 'behind',
};
