/**
 * fml, the Japanese list manager: notices about loops and duplicates.
 * Sample: Duplicated Message-ID in <list@example.org>.
 */
import type { BlockFamily } from '../blocks.ts';

export const fml: BlockFamily = {
  name: 'fml',
  marks: ['duplicated message-id in', 'loop back warning'],
  recipients: ['duplicated message-id in {addr}.', 'loop back warning: {text}in {addr}.', '{text} in {addr}.'],
};
