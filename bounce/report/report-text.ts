/**
 * The words of the reporter: every text part that is not the returned message, cut where the returned message begins.
 * Addresses behind that cut are somebody's mail, never recipients.
 */

import { htmlText } from '../mime/html.ts';
import type { Message, Part } from '../mime/walk.ts';
import { partText } from '../mime/walk.ts';
import { isSeparator, startsBareHeader, startsReturnedHeader } from './separator.ts';

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

function behindOf(lines: readonly string[], cut: number): string {
  const from = isSeparator(lines[cut]!) ? cut + 1 : cut;
  const rest = lines.slice(from, from + 400);
  const first = rest.findIndex(line => /^\s*[a-z][a-z0-9-]{1,40}:/i.test(line));
  return first === -1 ? '' : rest.slice(first).join('\n');
}
