/**
 * Courier: recipient, then the conversation.
 * Sample:
 *     <joe@example.org>:
 *          mx.example.org [192.0.2.1]:
 *      >>> RCPT TO:<joe@example.org>
 *      <<< 550 User unknown.
 */
import type { BlockFamily } from '../blocks.ts';

export const courier: BlockFamily = {
  name: 'courier',
  needs: 3,
  marks: [
    'this is a delivery status notification from',
    'the original message was received on',
    'undeliverable mail --',
    'this is the courier mail server',
    'your message could not be delivered to the following',
  ],
  recipients: ['{addr}:', '{addr}: {text}'],
  indent: [0, 2],
};
