/**
 * DragonFly Mail Agent: address in the first sentence.
 * Sample:
 *     There was an error delivering your mail to <joe@example.org>.
 *
 *     mx.example.org [192.0.2.1] did not like our RCPT TO:
 *     550 5.1.1 …
 */
import type { BlockFamily } from '../blocks.ts';

export const dragonfly: BlockFamily = {
  name: 'dragonfly',
  marks: ['dragonfly mail agent', 'there was an error delivering your mail to'],
  recipients: [
    'there was an error delivering your mail to {addr}.',
    'there was an error delivering your mail to {addr}',
  ],
  reason: 'through-blanks',
  until: ['message headers follow'],
};
