/**
 * Bytes (latin1 characters) to readable text. Promises: never throws, and a line of ASCII comes out as it went in,
 * whatever the label says. Labels lie often: unknown ones, `us-ascii` with 8-bit bytes and none at all are guessed.
 */
import { TextDecoder } from 'node:util';

const decoders = new Map<string, TextDecoder | undefined>();

const aliases: Readonly<Record<string, string>> = {
  utf8: 'utf-8',
  'shift-jis': 'shift_jis',
  cp932: 'shift_jis',
  'iso-2022-jp-2': 'iso-2022-jp',
  cp1252: 'windows-1252',
  'ansi_x3.110-1983': 'iso-8859-1',
  gb2312: 'gb18030',
};

export function decodeCharset(raw: string, label: string): string {
  if (isPlainAscii(raw)) return raw;
  const name = label.trim().toLowerCase();
  const charset = aliases[name] ?? name;
  if (raw.includes('\x1b')) return decodeEscapes(raw, charset);
  if (charset === '' || charset === 'us-ascii' || charset === 'ascii' || charset === 'iso-2022-jp') return guess(raw);
  const decoder = decoderFor(charset);
  if (!decoder) return guess(raw);
  return decoder.decode(Buffer.from(raw, 'latin1'));
}

/** Valid UTF-8 is hardly ever anything else; what is not stays latin1, so that no ASCII around it is lost. */
function guess(raw: string): string {
  try {
    return strictUtf8.decode(Buffer.from(raw, 'latin1'));
  } catch {
    return raw;
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * ISO-2022-JP line by line: a line that forgets to switch back to ASCII would otherwise swallow all that follow
 * (the WHATWG decoder keeps its state over line ends; RFC 1468 wants ASCII at the end of each).
 */
function decodeEscapes(raw: string, charset: string): string {
  const escapes = decoderFor('iso-2022-jp');
  return raw
    .split('\n')
    .map(line => (line.includes('\x1b') ? decodeLine(line, escapes) : decodeCharset(line, plainOf(charset))))
    .join('\n');
}

function decodeLine(line: string, decoder: TextDecoder | undefined): string {
  const isJapanese = line.includes('\x1b$') || line.includes('\x1b(');
  return decoder && isJapanese ? decoder.decode(Buffer.from(line, 'latin1')) : line.replaceAll('\x1b', '');
}

function plainOf(charset: string): string {
  return charset.startsWith('iso-2022') ? '' : charset;
}

function isPlainAscii(raw: string): boolean {
  return !/[\x1b\x80-\uffff]/.test(raw);
}

function decoderFor(charset: string): TextDecoder | undefined {
  if (!decoders.has(charset)) {
    if (decoders.size > 200) return undefined;
    decoders.set(charset, newDecoder(charset));
  }
  return decoders.get(charset);
}

function newDecoder(charset: string): TextDecoder | undefined {
  try {
    return new TextDecoder(charset);
  } catch {
    return undefined;
  }
}
