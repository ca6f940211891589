/**
 * KDDI and au one net: "Could not be delivered to:".
 * Sample:
 *          Could not be delivered to: <joe@example.org>
 *          As their mailbox is full.
 */
import type { BlockFamily } from '../blocks.ts';

export const kddi: BlockFamily = {
  name: 'kddi',
  needs: 1,
  marks: ['could not be delivered to: <'],
  recipients: ['could not be delivered to: {addr}', 'could not be delivered to: {addr} {text}'],
  reason: 'behind',
};
