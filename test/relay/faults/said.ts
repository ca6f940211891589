// A reply from how it was written down: one line, or several.
import { parseReplyLines, type Reply } from '../../../src/mail/reply.ts';

export function replyOf(said: string): Reply {
  const lines = said.split('\n').map(line => line.slice(4));
  return parseReplyLines(Number(said.slice(0, 3)), lines);
}
