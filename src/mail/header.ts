// The header of a message, scanned once on its raw bytes. Nothing here decodes or re-serialises: fields are byte ranges.

export type HeaderField = {
  /** Lower case, without the colon. */
  readonly name: string;
  readonly start: number;
  readonly valueStart: number;
  /** After the field's last CRLF. */
  readonly end: number;
};

export type Header = {
  readonly fields: readonly HeaderField[];
  /** Length of the header in bytes, without the empty line that ends it. */
  readonly length: number;
  /** False when the content does not begin with a field: what we put in front then needs an empty line of its own. */
  readonly beginsWithField: boolean;
  /** False when the header ends at a line that is neither a field nor empty: some readers would read on behind it. */
  readonly endsWell: boolean;
};

const CR = 0x0d;
const COLON = 0x3a;
/** Far more than policy lets pass; 25 MB of `a:` would otherwise become millions of objects before it is asked. */
const MAX_FIELDS = 10_000;

/** Scans up to the empty line, the first line that is no field, or the end. Content has CRLF line ends only. */
export function scanHeader(content: Buffer): Header {
  const fields: HeaderField[] = [];
  let position = 0;
  while (position < content.length && content[position] !== CR && fields.length < MAX_FIELDS) {
    const end = endOfField(content, position);
    const colon = content.indexOf(COLON, position);
    if (colon < 0 || colon >= end || !isFieldName(content, position, colon)) break;
    const name = content.toString('latin1', position, colon).trimEnd().toLowerCase();
    fields.push({ name, start: position, valueStart: colon + 1, end });
    position = end;
  }
  const endsWell = position >= content.length || content[position] === CR;
  return { fields, length: position, beginsWithField: fields.length > 0 || content[0] === CR, endsWell };
}

/** The value of the first field of that name, unfolded, at most `maxLength` characters; null when there is none. */
export function fieldValue(content: Buffer, header: Header, name: string, maxLength = 998): string | null {
  const field = header.fields.find(candidate => candidate.name === name);
  return field ? textOf(content, field, maxLength) : null;
}

/** The value of one field, unfolded, without control characters, at most `maxLength` characters. */
export function textOf(content: Buffer, field: HeaderField, maxLength = 998): string {
  const end = Math.min(field.end, field.valueStart + 4 * maxLength);
  const value = content.toString('utf8', field.valueStart, end);
  return value
    .replace(/\r\n(?=[ \t])/g, '')
    .replace(/[\u0000-\u001f\u007f]/g, ' ')
    .trim()
    .slice(0, maxLength)
    .toWellFormed();
}

/** What follows the empty line; where there is none, what follows the header. */
export function bodyOf(content: Buffer, header: Header): Buffer {
  return content.subarray(content[header.length] === CR ? header.length + 2 : header.length);
}

export function countFields(header: Header, name: string): number {
  return header.fields.reduce((count, field) => (field.name === name ? count + 1 : count), 0);
}

/** A field ends with the CRLF that is not followed by white space (RFC 5322 section 2.2.3). */
function endOfField(content: Buffer, start: number): number {
  let lineEnd = content.indexOf('\r\n', start, 'latin1');
  while (lineEnd >= 0) {
    const next = content[lineEnd + 2];
    if (next !== 0x20 && next !== 0x09) return lineEnd + 2;
    lineEnd = content.indexOf('\r\n', lineEnd + 2, 'latin1');
  }
  return content.length;
}

/** Printable characters without space or colon; white space before the colon is the obsolete form that readers accept. */
function isFieldName(content: Buffer, start: number, colon: number): boolean {
  let end = colon;
  while (end > start && (content[end - 1] === 0x20 || content[end - 1] === 0x09)) end -= 1;
  if (end === start) return false;
  for (let i = start; i < end; i += 1) {
    const byte = content[i]!;
    if (byte < 0x21 || byte > 0x7e) return false;
  }
  return true;
}
