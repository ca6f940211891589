// The addresses in a From, Sender or To field (RFC 5322 section 3.4): display names, quoted strings, nested comments and
// groups are understood; whatever two readers could read differently (source routes, white space within an address, a
// missing bracket, control characters) is not guessed at. Linear, and no deeper than the comments are nested.
import { type Address, parseMailbox } from './address.ts';

/** Every address in the order of the field, those inside groups too; null when the field is not surely understood. */
export function parseAddressList(value: string): Address[] | null {
  return readAddressList(value)?.addresses ?? null;
}

export type AddressList = {
  readonly addresses: Address[];
  /** What stands beside addresses in brackets and before groups, as it was written, without comments. */
  readonly names: readonly string[];
};

/** The same, with the names. */
export function readAddressList(value: string): AddressList | null {
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) return null;
  const addresses: Address[] = [];
  const names: string[] = [];
  let inGroup = false;
  let position = 0;
  while (position < value.length) {
    const piece = readPiece(value, position);
    if (piece === null) return null;
    position = piece.end;
    if (piece.stop === ':') {
      // `name:` opens a group, which cannot stand within another one nor without a name.
      if (inGroup || piece.bracketed !== null || piece.words === '') return null;
      inGroup = true;
      names.push(piece.words);
      continue;
    }
    const spec = piece.bracketed ?? piece.words;
    if (spec !== '') {
      const address = parseMailbox(spec, { smtpUtf8: true });
      if (typeof address !== 'string' || isEncoded(address)) return null;
      addresses.push(address);
      if (piece.bracketed !== null && piece.words !== '') names.push(piece.words);
    } else if (piece.bracketed !== null) return null;
    if (piece.stop === ';') {
      if (!inGroup) return null;
      inGroup = false;
    }
  }
  return inGroup ? null : { addresses, names };
}

/** Encoded words have no place in an address (RFC 2047 section 5), but there are readers that decode them there. */
function isEncoded(address: Address): boolean {
  return /=\?[^?]*\?[bq]\?[^?]*\?=/i.test(address);
}

type Piece = {
  /** What stands there outside of brackets and comments: a display name, or an address without brackets. */
  readonly words: string;
  /** What stands between `<` and `>`, or null. */
  readonly bracketed: string | null;
  readonly stop: ',' | ';' | ':' | '';
  readonly end: number;
};

/** Up to the next comma, semicolon or colon that is not inside something. */
function readPiece(value: string, start: number): Piece | null {
  let words = '';
  let bracketed: string | null = null;
  let position = start;
  while (position < value.length) {
    const char = value[position]!;
    if (char === ',' || char === ';' || char === ':')
      return { words: words.trim(), bracketed, stop: char, end: position + 1 };
    const end = endOfToken(value, position);
    if (end === null) return null;
    if (char === '<') {
      if (bracketed !== null) return null;
      bracketed = value.slice(position + 1, end - 1).trim();
    } else if (char === '(') {
      words += ' ';
    } else {
      // Behind the address nothing but comments may follow.
      if (bracketed !== null && char !== ' ' && char !== '\t') return null;
      words += value.slice(position, end);
    }
    position = end;
  }
  return { words: words.trim(), bracketed, stop: '', end: position };
}

/** The index behind the comment, quoted string, bracketed address, domain literal or character that begins here. */
function endOfToken(value: string, start: number): number | null {
  switch (value[start]) {
    case '"':
      return endOfQuoted(value, start);
    case '(':
      return endOfComment(value, start);
    case '<':
      return endOfBracketed(value, start);
    case '[': {
      const end = value.indexOf(']', start);
      return end < 0 ? null : end + 1;
    }
    case '>':
    case ')':
    case '\\':
      return null;
    default:
      return start + 1;
  }
}

function endOfQuoted(value: string, start: number): number | null {
  for (let i = start + 1; i < value.length; i += 1) {
    if (value[i] === '\\') i += 1;
    else if (value[i] === '"') return i + 1;
  }
  return null;
}

function endOfComment(value: string, start: number): number | null {
  let depth = 0;
  for (let i = start; i < value.length; i += 1) {
    if (value[i] === '\\') i += 1;
    else if (value[i] === '(') depth += 1;
    else if (value[i] === ')') {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
  }
  return null;
}

/** A quoted local part may hold `>`; a comment in here is refused with the address that it makes. */
function endOfBracketed(value: string, start: number): number | null {
  for (let i = start + 1; i < value.length; i += 1) {
    if (value[i] === '"') {
      const end = endOfQuoted(value, i);
      if (end === null) return null;
      i = end - 1;
    } else if (value[i] === '<') return null;
    else if (value[i] === '>') return i + 1;
  }
  return null;
}
