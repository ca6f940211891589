/**
 * Postfix bounce(8): the text part of every bounce; also what remains when a gateway removes the status part.
 * The banner is configurable and often translated, so the recipient line itself is the better mark.
 * Sample:
 *     <joe@example.org> (expanded from <j@example.net>): host mx.example.org[192.0.2.1] said: 550 5.1.1 … (in reply to RCPT TO command)
 */
import type { BlockFamily } from '../blocks.ts';

export const postfix: BlockFamily = {
  name: 'postfix',
  marks: [
    'this is the postfix program',
    'this is the mail system at host',
    'could not be delivered to one or more destinations',
    'postfix program at host',
    "could not be delivered to one or more recipients. it's attached below",
    '(in reply to ',
    "message delivery was delayed. it's attached",
    'has been delayed. it will be retried',
  ],
  recipients: ['{addr}: {text}', '{addr} (expanded from {text}): {text}', '{addr} (expanded from {text}):', '{addr}:'],
  indent: [0, 2],
};
