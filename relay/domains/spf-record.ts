// SPF records as text (RFC 7208): taken apart, judged by themselves, and merged with what is missing. What they include is
// followed in spf-walk.ts.

export type SpfTerm =
  | {
      readonly kind: 'mechanism';
      readonly qualifier: '+' | '-' | '~' | '?';
      readonly name: string;
      readonly value: string;
    }
  | { readonly kind: 'modifier'; readonly name: string; readonly value: string };

const MECHANISMS = ['all', 'include', 'a', 'mx', 'ptr', 'ip4', 'ip6', 'exists'];

/** Those among the TXT records at a name that are SPF (section 4.5). */
export function spfRecords(texts: readonly string[]): string[] {
  return texts.filter(text => /^v=spf1(?: |$)/i.test(text));
}

/** Terms in order, or the first that is none. */
export function parseSpf(record: string): readonly SpfTerm[] | { readonly bad: string } {
  const terms: SpfTerm[] = [];
  for (const word of record.split(/ +/).slice(1).filter(Boolean)) {
    const term = parseTerm(word);
    if (term === null) return { bad: word };
    terms.push(term);
  }
  return terms;
}

function parseTerm(word: string): SpfTerm | null {
  const modifier = /^([a-z][\w.-]*)=(.*)$/i.exec(word);
  if (modifier) return { kind: 'modifier', name: modifier[1]!.toLowerCase(), value: modifier[2]! };
  const match = /^([+\-~?]?)([a-z\d]+)(?:([:/])(.*))?$/i.exec(word);
  const name = match?.[2]?.toLowerCase() ?? '';
  if (!match || !MECHANISMS.includes(name)) return null;
  const value = match[3] === '/' ? `/${match[4]}` : (match[4] ?? '');
  if (['include', 'exists', 'ip4', 'ip6'].includes(name) && value === '') return null;
  if (name === 'all' && match[3] !== undefined) return null;
  return { kind: 'mechanism', qualifier: (match[1] || '+') as '+', name, value };
}

/**
 * One record out of those that there are and what is missing in them: the terms in their order, each once, the missing ones
 * behind them, and at the end what the first record says of all others; never +all.
 */
export function mergeSpf(records: readonly string[], missing: readonly string[]): string {
  const words = records.flatMap(record => record.split(/ +/).slice(1).filter(Boolean));
  const isAll = (word: string) => /^[+\-~?]?all$/i.test(word);
  const isRedirect = (word: string) => /^redirect=/i.test(word);
  const others = words.filter(word => !isAll(word) && !isRedirect(word));
  const redirect = words.find(isRedirect);
  const all = words.find(isAll);
  const end = all === undefined ? (redirect ?? '~all') : all.replace(/^\+?all$/i, '~all');
  return ['v=spf1', ...new Set([...others, ...missing]), end].join(' ');
}
