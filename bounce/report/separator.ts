/**
 * Where the reporter's words end and the returned message begins, in a text without MIME structure: a line that says so, or
 * a header at the left margin.
 */

/** Openings of the line before the returned message; dashes, equals signs and blanks around it are ignored. */
const separators = [
  'below this line is a copy of',
  'enclosed is a copy of',
  'enclosed are the original headers',
  'this is a copy of the message',
  'this is a copy of your message',
  'this is a copy of the headers',
  'a copy of the message follows',
  'original message',
  'original mail',
  'unsent message follows',
  'unsent message below',
  'undelivered message follows',
  'returned mail --',
  'attachment is a copy of',
  'the text you sent was',
  'the message you sent was',
  'old message:',
  'your message reads',
  'message text follows',
  'message header:',
  'headers of the message',
  'original message text',
  'the message was:',
  'received message follows',
  'content of your message',
  'below the next line is a copy',
  'message header follows',
  'message headers follow',
  'message follows',
  'returned message',
  'returned mail follows',
  'the header of the original',
  'header of the original message',
  'headers of the original message',
  'included is a copy of the message',
  'below is a copy of the original',
  'your original message',
  'the original message follows',
  'original headers follow',
  'text of message follows',
  'text of your message follows',
  'text of the original message',
  'the message headers',
  'message headers:',
  'start of returned message',
  'start of original message',
  'begin original message',
  'copy of the original message',
  'copy of message follows',
  'copy of original message',
  'bounced e-mail:',
  'first 20 lines of',
  'ursprüngliche nachricht',
  'die originalnachricht',
  'message original',
  'mensaje original',
  'mensagem original',
  'messaggio originale',
  'oorspronkelijk bericht',
  'the following is the original message',
  'here is the original message',
  'message contents follow',
  'content of the original message',
  'the original message headers',
  'rejected message',
];

/** Sentences that begin like a separator and are none. */
const notSeparators = ['original message received', 'original message was received', 'returned message was'];

export function isSeparator(line: string): boolean {
  if (line.length > 160) return false;
  const plain = bare(line);
  if (plain.length < 11) return false;
  return (
    separators.some(opening => plain.startsWith(opening) && isWholeLine(plain, opening)) &&
    !notSeparators.some(no => plain.startsWith(no))
  );
}

function isWholeLine(plain: string, opening: string): boolean {
  return plain.length - opening.length < 60 && !plain.includes('@');
}

const decoration = ' \t-=*_#+~|>.:[(';

function bare(line: string): string {
  let start = 0;
  while (start < line.length && decoration.includes(line[start]!)) start++;
  return line.slice(start).toLowerCase();
}

/** A trace header at the left margin: `Return-Path:` or `Received:` followed by more header. */
export function startsReturnedHeader(lines: readonly string[], index: number): boolean {
  const line = lines[index]!;
  if (!/^(return-path|received|dkim-signature|x-received|arc-seal|delivered-to|x-envelope-from):/i.test(line))
    return false;
  if (/mailer-daemon|<>/i.test(line)) return false;
  const next = lines.slice(index + 1, index + 8).filter(one => one.trim() !== '');
  return next.length === 0 || next.some(one => /^[a-z][a-z0-9-]{1,40}:|^[ \t]/i.test(one));
}

const plainFields = /^(from|to|subject|date|message-id|mime-version|sender|reply-to|x-mailer|content-type|cc):/i;
const telltaleFields = /^(message-id|mime-version|date):/i;

/** A header at the left margin without trace fields: three known fields in a row, one of which only programs write. */
export function startsBareHeader(lines: readonly string[], index: number): boolean {
  if (!plainFields.test(lines[index]!) || plainFields.test(lines[index - 1] ?? '')) return false;
  const block = lines.slice(index, index + 7);
  const end = block.findIndex(line => !/^([a-z][a-z0-9-]{1,40}:|[ \t])/i.test(line));
  const fields = (end === -1 ? block : block.slice(0, end)).filter(line => plainFields.test(line));
  return (
    fields.length >= 3 &&
    fields.some(line => telltaleFields.test(line)) &&
    !fields.some(line => /mailer-daemon/i.test(line))
  );
}
