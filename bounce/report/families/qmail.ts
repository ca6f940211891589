/**
 * qmail-send and its many rewordings (indimail, GoDaddy, messagelabs, Rediff, Sina, X4): `<address>:` alone on a line.
 * Sample:
 *     <joe@example.org>:
 *     192.0.2.1 does not like recipient.
 *     Remote host said: 550 5.1.1 …
 */
import type { BlockFamily } from '../blocks.ts';

export const qmail: BlockFamily = {
  name: 'qmail',
  marks: [
    'not able to deliver your message to the following',
    'this is the deliver program',
    'this is the qmail-send program',
    'qmail-send program at',
    "i wasn't able to deliver your message",
    'i was not able to deliver your message',
    'your mail message to the following address(es) could not be delivered',
    "this is a permanent error; i've given up",
    'this is a permanent error. i have given up',
    "sorry it didn't work out",
    'este es el programa qmail-send',
    'dit is het qmail-send',
    'this is the mail delivery agent at',
    'mail delivery agent at messagelabs',
    'qmail-send',
    'unable to deliver your message to the following address',
    "wasn't able to deliver your message to the following address",
    'this is the mail delivery system at',
    'giving up on',
    '--- below this line is a copy',
  ],
  recipients: ['{addr}:', '{addr}: {text}'],
  indent: [0, 1],
};
