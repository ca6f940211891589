/**
 * Addresses as reports write them: in angle brackets or not, quoted, with a type in front, percent-hacked, followed by
 * a colon. Hand-written scanners: linear, and no surprise on hostile input.
 */

const maxAddressChars = 320;

/** Finds the address that begins at `at` (blanks, quotes and brackets in front are stepped over). */
export function scanAddress(text: string, at: number): { address: string; end: number } | undefined {
  let start = at;
  while (start < text.length && openers.includes(text[start]!)) start++;
  for (const prefix of prefixes) if (startsWithIgnoringCase(text, prefix, start)) start += prefix.length;
  const localEnd = text[start] === '"' ? quotedEnd(text, start) : runEnd(text, start, isLocalChar);
  if (localEnd === -1 || localEnd === start || text[localEnd] !== '@') return undefined;
  const rawEnd = text[localEnd + 1] === '[' ? literalEnd(text, localEnd + 1) : runEnd(text, localEnd + 1, isDomainChar);
  let end = rawEnd;
  while (end > localEnd + 1 && '.-_'.includes(text[end - 1]!)) end--;
  if (end <= localEnd + 1 || end - start > maxAddressChars) return undefined;
  const address = text.slice(start, end);
  let after = rawEnd;
  while (after < text.length && closers.includes(text[after]!)) after++;
  return { address, end: after };
}

/** All addresses in a text, in order, each once. */
export function findAddresses(text: string, most = 100): string[] {
  const found = new Map<string, string>();
  let at = text.indexOf('@');
  let floor = 0;
  while (at !== -1 && found.size < most) {
    const scanned = scanAddress(text, localStart(text, at, floor));
    if (scanned) found.set(scanned.address.toLowerCase(), scanned.address);
    floor = Math.max(at + 1, scanned?.end ?? 0);
    at = text.indexOf('@', floor);
  }
  return [...found.values()];
}

/** Reads `rfc822; <a@b> (junk)` and its relatives; null if there is no address in it. */
export function addressOf(value: string): string | null {
  const plain = withoutType(value);
  const address = findAddresses(plain, 1)[0];
  return address ? undoRoute(address) : null;
}

/** The text behind `rfc822;`, without the blanks and brackets around it. */
export function withoutType(value: string): string {
  const semicolon = value.indexOf(';');
  const type = value.slice(0, Math.max(semicolon, 0)).trim().toLowerCase();
  const isType = semicolon !== -1 && type.length < 30 && !type.includes('@') && !type.includes('<');
  let text = (isType ? value.slice(semicolon + 1) : value).trim();
  if (text.startsWith('<')) text = text.slice(1, text.includes('>') ? text.indexOf('>') : undefined).trim();
  return text;
}

export function sameAddress(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

export function localPartOf(address: string): string {
  return address.slice(0, Math.max(address.lastIndexOf('@'), 0));
}

/** VERP: `bounce+joe=example.org@list.example` names joe@example.org; null if the local part holds no such thing. */
export function verpAddress(returnPath: string): string | null {
  const local = localPartOf(returnPath);
  const equals = local.lastIndexOf('=');
  if (equals < 1) return null;
  const domain = local.slice(equals + 1);
  const before = local.slice(0, equals);
  const user = before.slice(Math.max(before.lastIndexOf('+'), before.lastIndexOf('=')) + 1);
  return domain.includes('.') && user !== '' ? (scanAddress(`${user}@${domain}`, 0)?.address ?? null) : null;
}

/** `@gate:joe@example.org` and `x400-thing@host` keep what is behind the route. */
function undoRoute(address: string): string {
  const route = address.lastIndexOf(':');
  return route === -1 ? address : address.slice(route + 1);
}

const openers = ' \t<"\'(`[{*|';
const closers = '>"\'`)]}';
const prefixes = ['mailto:', 'rfc822;', 'rfc822:', 'smtp:', 'smtp;'];
const localBreaks = ' \t\n<>()[]{},;:"\\|`';
const domainPunctuation = '.-_';

function isLocalChar(char: string): boolean {
  return (
    char > ' ' &&
    char !== '@' &&
    !localBreaks.includes(char) &&
    char !== '\x7f' &&
    char !== '\u3000' &&
    !isCjkBracket(char)
  );
}

/** Japanese and Chinese texts put full-width brackets and stops right beside an address. */
function isCjkBracket(char: string): boolean {
  return (
    (char >= '\u3000' && char <= '\u3020') ||
    (char >= '\uff00' && char <= '\uff20') ||
    char === '\u201c' ||
    char === '\u201d' ||
    char === '\u00ab' ||
    char === '\u00bb'
  );
}

function isDomainChar(char: string): boolean {
  if ((char >= 'a' && char <= 'z') || (char >= '0' && char <= '9') || (char >= 'A' && char <= 'Z')) return true;
  return domainPunctuation.includes(char) || (char > '\x9f' && !isCjkBracket(char) && !char.startsWith('\u00a0'));
}

function runEnd(text: string, start: number, accepts: (char: string) => boolean): number {
  const limit = Math.min(text.length, start + maxAddressChars);
  let end = start;
  while (end < limit && accepts(text[end]!)) end++;
  return end;
}

function quotedEnd(text: string, start: number): number {
  const limit = Math.min(text.length, start + maxAddressChars);
  for (let i = start + 1; i < limit; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
    else if (text[i] === '\n') return -1;
  }
  return -1;
}

function literalEnd(text: string, start: number): number {
  const end = text.indexOf(']', start);
  return end === -1 || end - start > 60 ? start : end + 1;
}

/** Walks left from an `@` to where its local part begins. */
function localStart(text: string, at: number, floor: number): number {
  if (text[at - 1] === '"') {
    const quote = text.lastIndexOf('"', at - 2);
    if (quote >= floor && at - quote < 100) return quote;
  }
  let start = at;
  const limit = Math.max(floor, at - maxAddressChars);
  while (start > limit && isLocalChar(text[start - 1]!)) start--;
  while (start < at && "'-*".includes(text[start]!)) start++;
  return start;
}

function startsWithIgnoringCase(text: string, prefix: string, at: number): boolean {
  return text.slice(at, at + prefix.length).toLowerCase() === prefix;
}
