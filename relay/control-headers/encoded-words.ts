// Encoded words (RFC 2047): how a field carries what is not ASCII, and how some libraries carry what is. Linear.

/** At most 75 characters say the standard and hardly any library; the field as a whole is bounded by its reader. */
const WORD = /=\?([\w.:-]{1,40})(?:\*[\w-]{0,40})?\?([bq])\?([^?\s]*)\?=/gi;

/** The text with its encoded words decoded; null when one is in a charset that is not known, or is not in its charset. */
export function decodeWords(text: string): string | null {
  if (!text.includes('=?')) return text;
  let decoded = '';
  let position = 0;
  let open: Run | null = null;
  for (const { 0: word, 1: charset, 2: encoding, 3: data, index } of text.matchAll(WORD)) {
    const between = text.slice(position, index);
    position = index + word.length;
    const bytes = encoding!.toLowerCase() === 'b' ? Buffer.from(data!, 'base64') : decodeQ(data!);
    // White space between two of them is not part of the text (section 6.2); some split a character over both.
    if (open !== null && between.trim() === '' && open.charset === charset) {
      open.bytes.push(bytes);
      continue;
    }
    const before = closeRun(open);
    if (before === null) return null;
    decoded += before + (open !== null && between.trim() === '' ? '' : between);
    open = { charset: charset!, bytes: [bytes] };
  }
  const last = closeRun(open);
  return last === null ? null : decoded + last + text.slice(position);
}

/** Words of one charset that follow each other. */
type Run = { readonly charset: string; readonly bytes: Buffer[] };

function closeRun(run: Run | null): string | null {
  if (run === null) return '';
  try {
    return new TextDecoder(run.charset, { fatal: true }).decode(Buffer.concat(run.bytes));
  } catch {
    // RangeError: no such charset; TypeError: not in that charset.
    return null;
  }
}

function decodeQ(data: string): Buffer {
  const latin1 = data
    .replaceAll('_', ' ')
    .replace(/=([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(latin1, 'latin1');
}
