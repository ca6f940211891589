// Which header fields are signed, and their relaxed form (RFC 6376 section 3.4.2): name in lower case, unfolded, runs of
// white space one space, none at the ends of the value nor around the colon.
import type { HeaderField } from '../../src/mail/header.ts';
import { scanHeader } from '../../src/mail/header.ts';

export type SignedFields = {
  /** For h=, in the order in which they were hashed. */
  readonly names: readonly string[];
  /** Latin-1: one character a byte. Each field with its CRLF. */
  readonly canonical: string;
};

/**
 * Named once more often than they occur: a field that is added on the way, such as a second From that readers show instead
 * of ours, breaks the signature (RFC 6376 section 8.15).
 */
const OVERSIGNED = ['From', 'Reply-To', 'Subject', 'Date', 'To', 'Cc', 'Message-ID'];
/** The same, but only where they occur: upstreams add these to mail that has none. */
const OVERSIGNED_IF_PRESENT = ['Sender', 'MIME-Version', 'Content-Type', 'Content-Transfer-Encoding'];
/** Mailing lists and upstreams add more of these: their business. */
const SIGNED = [
  ...['In-Reply-To', 'References', 'List-Id', 'List-Help', 'List-Unsubscribe', 'List-Unsubscribe-Post'],
  ...['List-Subscribe', 'List-Post', 'List-Owner', 'List-Archive'],
];

type Rule = { readonly title: string; readonly name: string; readonly once: 'always' | 'if-present' | 'no' };
const rule = (once: Rule['once']) => (title: string) => ({ title, name: title.toLowerCase(), once });
const RULES: readonly Rule[] = [
  ...OVERSIGNED.map(rule('always')),
  ...OVERSIGNED_IF_PRESENT.map(rule('if-present')),
  ...SIGNED.map(rule('no')),
];

/** `header` is whole fields, in pieces; `unsigned` are names in lower case that an upstream rewrites. */
export function selectSignedFields(header: readonly Buffer[], unsigned: ReadonlySet<string>): SignedFields {
  const found = collectFields(header);
  const names: string[] = [];
  let canonical = '';
  for (const { title, name, once } of RULES) {
    if (unsigned.has(name)) continue;
    const fields = found.get(name) ?? [];
    // The lowest first: RFC 6376 section 5.4.2.
    for (let i = fields.length - 1; i >= 0; i -= 1) {
      names.push(title);
      canonical += fields[i];
    }
    if (once === 'always' || (once === 'if-present' && fields.length > 0)) names.push(title);
  }
  return { names, canonical };
}

const WANTED: ReadonlySet<string> = new Set(RULES.map(({ name }) => name));

function collectFields(header: readonly Buffer[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const piece of header) {
    for (const field of scanHeader(piece).fields) {
      if (!WANTED.has(field.name)) continue;
      const canonical = `${relaxedField(piece, field)}\r\n`;
      const known = found.get(field.name);
      if (known) known.push(canonical);
      else found.set(field.name, [canonical]);
    }
  }
  return found;
}

/** Without its CRLF. */
export function relaxedField(piece: Buffer, { name, valueStart, end }: HeaderField): string {
  return `${name}:${relaxedValue(piece.toString('latin1', valueStart, end))}`;
}

/** Not trim(): in Latin-1 that takes 0xA0 too, which is half of some letter in UTF-8. */
export function relaxedValue(value: string): string {
  const collapsed = value.replaceAll('\r\n', '').replace(/\t[ \t]*| [ \t]+/g, ' ');
  const start = collapsed.startsWith(' ') ? 1 : 0;
  const end = collapsed.length > start && collapsed.endsWith(' ') ? -1 : undefined;
  return collapsed.slice(start, end);
}
