/**
 * The words of the reporter: every text part that is not the returned message, cut where the returned message begins.
 * Addresses behind that cut are somebody's mail, never recipients.
 */

import { htmlText } from '../mime/html.ts';
import type { Message, Part } from '../mime/walk.ts';
import { partText } from '../mime/walk.ts';

export interface ReportText {
  /** Text in front of the returned message. */
  readonly text: string;
  readonly lines: readonly string[];
  /** `text` in lower case with single spaces: what phrases are looked for in. */
  readonly folded: string;
  /** What stands behind the separator, '' where there is none. */
  readonly behind: string;
}

const maxTextChars = 64 * 1024;
const maxLines = 2_000;

export function reportText(message: Message): ReportText {
  const texts = message.parts.filter(isReporterText);
  const plain = texts.filter(part => part.type !== 'text/html');
  const body = plain.map(part => partText(message, part, maxTextChars)).join('\n');
  const html = body.trim() === '' ? htmlOf(message, texts) : body;
  const whole = html.trim() === '' ? outsideOf(message) : html;
  return cutText(whole.slice(0, maxTextChars * 2));
}

/** Splits a text at the returned message. */
export function cutText(whole: string): ReportText {
  const lines = unquoted(whole.split('\n', maxLines));
  const cut = lines.findIndex(
    (line, index) => isSeparator(line) || startsReturnedHeader(lines, index) || startsBareHeader(lines, index),
  );
  const kept = cut === -1 ? lines : lines.slice(0, cut);
  const text = kept.join('\n');
  return { text, lines: kept, folded: foldText(text), behind: cut === -1 ? '' : behindOf(lines, cut) };
}

export function foldText(text: string): string {
  return text.toLowerCase().replaceAll('’', "'").split(/\s/).filter(Boolean).join(' ');
}

function isReporterText(part: Part): boolean {
  const isText = part.type.startsWith('text/') || part.type === 'message/delivery-status' || part.type === '';
  if (
    part.type === 'text/rfc822-headers' ||
    part.within === 'preamble' ||
    !isText ||
    part.type === 'message/delivery-status'
  )
    return false;
  return !part.header.get('content-disposition').toLowerCase().startsWith('attachment');
}

/** A multipart without any delimiter: all of it is preamble. */
function outsideOf(message: Message): string {
  const outside = message.parts.filter(part => part.within === 'preamble' || part.within === 'epilogue');
  return outside.map(part => partText(message, part, maxTextChars)).join('\n');
}

function htmlOf(message: Message, texts: readonly Part[]): string {
  const html = texts.find(part => part.type === 'text/html');
  return html ? htmlText(partText(message, html, maxTextChars)) : '';
}

/** A report forwarded by hand stands behind `> `: read as if it had not been quoted. */
function unquoted(lines: string[]): string[] {
  const quoted = lines.filter(line => line.startsWith('> ') || line === '>').length;
  return quoted * 2 > lines.length ? lines.map(line => (line.startsWith('> ') ? line.slice(2) : line)) : lines;
}

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

function isSeparator(line: string): boolean {
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
function startsReturnedHeader(lines: readonly string[], index: number): boolean {
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
function startsBareHeader(lines: readonly string[], index: number): boolean {
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

function behindOf(lines: readonly string[], cut: number): string {
  const from = isSeparator(lines[cut]!) ? cut + 1 : cut;
  const rest = lines.slice(from, from + 400);
  const first = rest.findIndex(line => /^\s*[a-z][a-z0-9-]{1,40}:/i.test(line));
  return first === -1 ? '' : rest.slice(first).join('\n');
}
