// How text is written so that it survives the way: quoted-printable (RFC 2045 section 6.7), encoded words (RFC 2047),
// xtext (RFC 3461 section 4) and the forms of addresses that are not ASCII (RFC 6533 section 3).

const MAX_LINE = 76;
/** Of UTF-8 in one encoded word: 75 characters at most, 12 of them around the base64. */
const WORD_BYTES = 45;

export function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}

/** Lines end in CRLF, whatever they ended in. */
export function quotedPrintable(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replaceAll('\r\n', '\n');
  const lines = text.split('\n').map(line => softBreaks(line.replace(/[^\x21-\x3c\x3e-\x7e ]| $/g, escapeByte)));
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

function escapeByte(char: string): string {
  return `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function softBreaks(line: string): string {
  const pieces: string[] = [];
  let start = 0;
  while (line.length - start > MAX_LINE) {
    let end = start + MAX_LINE - 1;
    // Not within `=C3`.
    if (line[end - 1] === '=') end -= 1;
    else if (line[end - 2] === '=') end -= 2;
    pieces.push(line.slice(start, end));
    start = end;
  }
  return [...pieces, line.slice(start)].join('=\r\n');
}

/** As the value of an unstructured field: encoded words where it is not ASCII. Control characters become spaces. */
export function fieldText(text: string): string {
  const plain = text.replaceAll(/[\x00-\x1f\x7f]/g, ' ').toWellFormed();
  if (isAscii(plain)) return fold(plain);
  const words: string[] = [];
  let word = '';
  for (const char of plain) {
    if (Buffer.byteLength(word + char) > WORD_BYTES) {
      words.push(word);
      word = '';
    }
    word += char;
  }
  return [...words, word].map(piece => `=?utf-8?B?${Buffer.from(piece).toString('base64')}?=`).join('\r\n ');
}

/** Broken between words into lines of a bearable length; a word longer than a line may be is cut. */
export function fold(text: string): string {
  const words = text.split(/\s+/).flatMap(word => word.match(/.{1,900}/gsu) ?? []);
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + word.length < MAX_LINE) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\r\n ');
}

/** `+3D` back to `=`; as it stands where what comes out could not stand in a field. */
export function fromXtext(text: string): string {
  const decoded = text.replaceAll(/\+([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return /^[\x20-\x7e]*$/.test(decoded) ? decoded : text;
}

/** `rfc822; a@b.example`, and for what is not ASCII `utf-8; …`: plain where the part may hold it, else escaped. */
export function typedAddress(address: string, isGlobal: boolean): string {
  if (isAscii(address)) return `rfc822; ${address}`;
  return `utf-8; ${isGlobal ? address : escapeUnicode(address)}`;
}

/** ORCPT= as Original-Recipient wants it (RFC 3464 section 2.3.1, RFC 6533 section 3). */
export function originalRecipient(orcpt: string, isGlobal: boolean): string {
  const semicolon = orcpt.indexOf(';');
  const type = orcpt.slice(0, semicolon).toLowerCase();
  const given = orcpt.slice(semicolon + 1);
  if (type !== 'utf-8') return `${type}; ${fromXtext(given)}`;
  return `utf-8; ${isGlobal ? unescapeUnicode(given) : escapeUnicode(given)}`;
}

function escapeUnicode(text: string): string {
  return [...text]
    .map(char => (isAscii(char) ? char : `\\x{${char.codePointAt(0)!.toString(16).toUpperCase()}}`))
    .join('');
}

function unescapeUnicode(text: string): string {
  return text.replaceAll(/\\x\{([0-9A-F]{2,6})\}/g, (escaped, hex) => {
    const code = Number.parseInt(hex, 16);
    const isCharacter = code >= 0x80 && code <= 0x10_ff_ff && !(code >= 0xd8_00 && code <= 0xdf_ff);
    return isCharacter ? String.fromCodePoint(code) : escaped;
  });
}
