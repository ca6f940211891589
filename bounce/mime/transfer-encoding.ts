/** Content-Transfer-Encoding undone: raw characters in, raw characters (latin1 bytes) out. Wrong input passes unchanged. */

export function decodeTransfer(body: string, encoding: string): string {
  const name = encoding.trim().toLowerCase();
  if (name.startsWith('quoted-printable')) return decodeQuotedPrintable(body);
  if (name.startsWith('base64') && looksLikeBase64(body)) return normaliseLines(decodeBase64(body));
  return body;
}

export function decodeBase64(encoded: string): string {
  return Buffer.from(encoded, 'base64').toString('latin1');
}

/** One pass from `=` to `=`; a `=` that starts no code stays as it stands. */
export function decodeQuotedPrintable(encoded: string): string {
  let next = encoded.indexOf('=');
  if (next === -1) return encoded;
  const pieces: string[] = [];
  let at = 0;
  while (next !== -1) {
    pieces.push(encoded.slice(at, next));
    const softEnd = softBreakEnd(encoded, next + 1);
    const byte = softEnd === -1 ? hexByte(encoded, next + 1) : -1;
    if (softEnd !== -1) at = softEnd;
    else if (byte !== -1) {
      pieces.push(String.fromCharCode(byte));
      at = next + 3;
    } else {
      pieces.push('=');
      at = next + 1;
    }
    next = encoded.indexOf('=', at);
  }
  pieces.push(encoded.slice(at));
  return normaliseLines(pieces.join(''));
}

function normaliseLines(text: string): string {
  return text.includes('\r') ? text.replaceAll('\r\n', '\n').replaceAll('\r', '') : text;
}

/** Where the next line begins if only blanks (at most 80) stand between `=` and the line end, else -1. */
function softBreakEnd(text: string, at: number): number {
  for (let i = at; i < at + 80; i++) {
    if (i >= text.length) return text.length;
    const char = text[i];
    if (char === '\n') return i + 1;
    if (char !== ' ' && char !== '\t') return -1;
  }
  return -1;
}

function hexByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 65 && code <= 70) return code - 55;
  if (code >= 97 && code <= 102) return code - 87;
  return -1;
}

/** Reports exist that say base64 and are plain: believed only if the first line is made of base64 characters. */
function looksLikeBase64(body: string): boolean {
  const start = body.trimStart().slice(0, 400);
  const line = (start.split('\n', 1)[0] ?? '').trimEnd();
  return line !== '' && /^[A-Za-z0-9+/=]+$/.test(line);
}
