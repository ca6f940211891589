/**
 * A header block, read once and leniently: a line that is no field is stepped over, a block that never ends is cut.
 * Values are unfolded and stay raw bytes (latin1); `decodeWords` turns one into readable text.
 */
import { decodeCharset } from './charset.ts';
import { decodeBase64, decodeQuotedPrintable } from './transfer-encoding.ts';

const maxFields = 1_000;
const maxHeaderChars = 256 * 1024;
const maxFieldChars = 64 * 1024;

export interface Field {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
}

export class Header {
  readonly fields: readonly Field[];

  constructor(fields: readonly Field[]) {
    this.fields = fields;
  }

  /** First value of that name (lower case), or ''. */
  get(name: string): string {
    for (const field of this.fields) if (field.name === name) return field.value;
    return '';
  }

  all(name: string): string[] {
    return this.fields.filter(field => field.name === name).map(field => field.value);
  }

  has(name: string): boolean {
    return this.fields.some(field => field.name === name);
  }

  /** First value with its encoded words decoded. */
  text(name: string): string {
    return decodeWords(this.get(name));
  }
}

/** Reads fields from `start`; `bodyStart` is where the body begins (behind the blank line, or at the first non-field). */
export function parseHeader(source: string, start: number, end: number): { header: Header; bodyStart: number } {
  const fields: { name: string; value: string }[] = [];
  const limit = Math.min(end, start + maxHeaderChars);
  let strangers = 0;
  let at = start;
  while (at < limit) {
    const lineEnd = lineEndAt(source, at, limit);
    const line = source.slice(at, lineEnd);
    if (line.trim() === '') return { header: new Header(fields), bodyStart: Math.min(lineEnd + 1, end) };
    const last = fields[fields.length - 1];
    const field = isFolded(line) ? undefined : splitField(line);
    if (field && fields.length < maxFields) fields.push(field);
    else if (isFolded(line) && last) fold(last, line);
    else if (fields.length === 0 || ++strangers > 3) return { header: new Header(fields), bodyStart: at };
    at = lineEnd + 1;
  }
  return { header: new Header(fields), bodyStart: Math.min(at, end) };
}

export function splitField(line: string): { name: string; value: string } | undefined {
  const colon = line.indexOf(':');
  if (colon < 1 || colon > 80) return undefined;
  const name = line.slice(0, colon).trimEnd();
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < 33 || code > 126) return undefined;
  }
  return { name: name.toLowerCase(), value: line.slice(colon + 1).trim() };
}

function isFolded(line: string): boolean {
  return line.startsWith(' ') || line.startsWith('\t');
}

function fold(field: { value: string }, line: string): void {
  if (field.value.length < maxFieldChars) field.value += ` ${line.trim()}`;
}

function lineEndAt(source: string, at: number, limit: number): number {
  const found = source.indexOf('\n', at);
  return found === -1 || found > limit ? limit : found;
}

/** `multipart/report; boundary="x"` → type in lower case and its parameters. */
export function parseParameters(value: string): { type: string; parameters: Map<string, string> } {
  const pieces = splitOutsideQuotes(value, ';');
  const parameters = new Map<string, string>();
  for (const piece of pieces.slice(1, 50)) {
    const equals = piece.indexOf('=');
    if (equals < 1) continue;
    const name = piece.slice(0, equals).trim().toLowerCase();
    if (!parameters.has(name)) parameters.set(name, unquote(piece.slice(equals + 1).trim()));
  }
  return { type: (pieces[0] ?? '').trim().toLowerCase(), parameters };
}

function splitOutsideQuotes(value: string, separator: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  let quoted = false;
  for (let i = 0; i < value.length; i++) {
    const char = value[i];
    if (char === '\\' && quoted) i++;
    else if (char === '"') quoted = !quoted;
    else if (char === separator && !quoted) {
      pieces.push(value.slice(from, i));
      from = i + 1;
    }
  }
  pieces.push(value.slice(from));
  return pieces;
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  const end = value.indexOf('"', 1);
  return value.slice(1, end === -1 ? undefined : end);
}

/** RFC 2047 words decoded; raw 8-bit bytes read as UTF-8 where they are, else latin1. */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return decodeCharset(value, '');
  let text = '';
  let at = 0;
  let afterWord = false;
  for (;;) {
    const start = value.indexOf('=?', at);
    const word = start === -1 ? undefined : readWord(value, start);
    if (start === -1) return text + decodeCharset(value.slice(at), '');
    const between = value.slice(at, start);
    if (!word || !afterWord || between.trim() !== '') text += decodeCharset(between, '');
    text += word ? word.text : '=?';
    at = word ? word.end : start + 2;
    afterWord = word !== undefined;
  }
}

function readWord(value: string, start: number): { text: string; end: number } | undefined {
  const charsetEnd = value.indexOf('?', start + 2);
  if (charsetEnd === -1 || charsetEnd - start > 60 || value[charsetEnd + 2] !== '?') return undefined;
  const end = value.indexOf('?=', charsetEnd + 3);
  if (end === -1 || end - start > 2_000) return undefined;
  const encoded = value.slice(charsetEnd + 3, end);
  const charset = value.slice(start + 2, charsetEnd).split('*')[0] ?? '';
  const kind = value[charsetEnd + 1]?.toLowerCase();
  const raw = kind === 'b' ? decodeBase64(encoded) : decodeQuotedPrintable(encoded.replaceAll('_', ' '));
  return { text: decodeCharset(raw, charset), end: end + 2 };
}
