/**
 * MDaemon: the failed address behind a label, then the transcript.
 * Sample:
 *     Failed address: joe@example.org
 */
import type { BlockFamily } from '../blocks.ts';

export const mdaemon: BlockFamily = {
  name: 'mdaemon',
  marks: [
    'failed address:',
    'the attached message had permanent fatal delivery errors',
    'the following data may contain sections which represent bounce',
  ],
  recipients: ['failed address: {addr}', 'failed address: {addr} {text}', '{text}reason: {addr}{text}'],
  reason: 'through-blanks',
};
