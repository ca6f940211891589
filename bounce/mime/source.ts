/**
 * The raw message as one string: a byte a character (latin1), lines ended by LF whatever the mailbox used.
 * Nothing is decoded here, so no byte can be lost; decoding happens part by part, later and only where needed.
 */

/** Beyond this a message is cut: a report says what it has to say in its first kilobytes (THREATS 18, literal limit). */
export const maxMessageBytes = 32 * 1024 * 1024;

export function sourceText(bytes: Uint8Array): string {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, maxMessageBytes));
  let text = whole.toString('latin1');
  if (text.includes('\r')) text = text.replaceAll('\r\n', '\n').replaceAll('\r', '');
  return text.slice(headerOffset(text));
}

/** Skips what some stores put before the header: a byte order mark, blank lines, an mbox `From ` line. */
function headerOffset(text: string): number {
  let at = text.startsWith('\xef\xbb\xbf') ? 3 : 0;
  for (;;) {
    const end = text.indexOf('\n', at);
    if (end === -1) return at;
    const blank = text.slice(at, Math.min(end, at + 200)).trim() === '' && end - at < 200;
    if (!blank && !text.startsWith('From ', at) && !text.startsWith('>From ', at)) return at;
    at = end + 1;
  }
}
