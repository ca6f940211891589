/**
 * Merak and IceWarp (X3): starred addresses, the answer under "Technical details".
 * Sample:
 *        * joe@example.org
 *     …
 *     SMTP:RCPT host 192.0.2.8: 553 5.3.0 <joe@example.org>... No such user here
 */
import type { BlockFamily } from '../blocks.ts';

export const icewarp: BlockFamily = {
  name: 'icewarp',
  marks: [
    'this is an automatically generated delivery status notification. delivery to the following recipients failed',
    'delevery to the following recipients',
    'technical details: smtp:',
    'technical details: connecting to',
    'technical details: host',
    'technical details: session timeout',
  ],
  recipients: ['* {addr}', '* {addr} {text}'],
  reason: 'through-blanks',
};
