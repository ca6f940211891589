/** The same message as other systems would hand it over: other line ends, other transfer encodings. */

export function withCrlf(bytes: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll('\r\n', '\n').replaceAll('\n', '\r\n'), 'latin1');
}

export function withLf(bytes: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}

/** A plain-text message in base64 or quoted-printable; null where it is a multipart or already encoded. */
export function reencoded(bytes: Uint8Array, encoding: 'base64' | 'quoted-printable'): Buffer | null {
  const text = withLf(bytes).toString('latin1');
  const blank = text.indexOf('\n\n');
  const header = text.slice(0, blank);
  if (
    blank === -1 ||
    /^content-type:\s*(multipart|message)/im.test(header) ||
    /^content-transfer-encoding:\s*(q|b)/im.test(header)
  )
    return null;
  const body = Buffer.from(text.slice(blank + 2), 'latin1');
  const kept = header.split('\n').filter(line => !/^content-transfer-encoding:/i.test(line));
  const encoded =
    encoding === 'base64' ? body.toString('base64').replaceAll(/(.{76})/g, '$1\n') : quotedPrintable(body);
  return Buffer.from(`${kept.join('\n')}\nContent-Transfer-Encoding: ${encoding}\n\n${encoded}\n`, 'latin1');
}

function quotedPrintable(body: Buffer): string {
  const lines = body.toString('latin1').split('\n');
  return lines.map(line => softBreaks([...line].map(escapeByte))).join('\n');
}

function escapeByte(char: string): string {
  const code = char.charCodeAt(0);
  const isPlain = code >= 32 && code < 127 && char !== '=';
  return isPlain || char === '\t' ? char : `=${code.toString(16).toUpperCase().padStart(2, '0')}`;
}

function softBreaks(tokens: readonly string[]): string {
  let line = '';
  let text = '';
  for (const token of tokens) {
    if (line.length + token.length > 75) {
      text += `${line}=\n`;
      line = '';
    }
    line += token;
  }
  return text + line;
}
