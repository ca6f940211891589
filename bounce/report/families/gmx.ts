/**
 * GMX, 1&1 (kundenserver) and mail.com: quoted or bare address, "for the following reason".
 * Sample:
 *     "joe@example.org":
 *     SMTP error from remote server after RCPT command:
 *     host: mx.example.org
 *     5.1.1 … User Unknown
 */
import type { BlockFamily } from '../blocks.ts';

export const gmx: BlockFamily = {
  name: 'gmx',
  marks: [
    'the following address failed',
    'the following addresses failed',
    'smtp error from remote server',
    'die folgende adresse',
    'die folgenden adressen',
  ],
  recipients: ['{addr}:', '{addr}', '{addr}: {text}'],
  from: ['failed', 'adresse'],
  until: ['for explanation visit'],
  reason: 'through-blanks',
  indent: [0, 3],
};
