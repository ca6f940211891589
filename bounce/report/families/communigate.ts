/**
 * CommuniGate Pro text part.
 * Sample:
 *     Failed to deliver to 'joe@example.org'
 *     SMTP module(domain example.org) reports:
 *      host mx.example.org says:
 *      550 no such user
 */
import type { BlockFamily } from '../blocks.ts';

export const communigate: BlockFamily = {
  name: 'communigate',
  needs: 3,
  marks: ['failed to deliver to', 'message delivery to', 'delivery to the address'],
  recipients: [
    'failed to deliver to {addr}',
    'failed to deliver to {addr} {text}',
    'failed to deliver to {addr}: {text}',
    'message delivery to {addr} delayed',
    'message delivery to {addr} {text}',
  ],
  reason: 'behind',
};
