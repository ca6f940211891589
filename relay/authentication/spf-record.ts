// What an SPF record (RFC 7208) tells about mail that has not left yet: the addresses that it will come from are the
// upstream's, and mostly not known to us, so this reads what can be known without them. Evaluation is mailauth's.
import { parseSpf, type SpfTerm, spfRecords } from '../domains/spf-record.ts';

export type SpfRecord =
  /** No record, or several, which is an error: SPF does not pass from anywhere. */
  | { readonly kind: 'absent' | 'broken' }
  /** `v=spf1 -all` and the like: it passes from nowhere. */
  | { readonly kind: 'nobody' }
  /** `v=spf1 +all`: it passes from everywhere. */
  | { readonly kind: 'anybody' }
  /** From some addresses; those of these other domains among them. */
  | { readonly kind: 'some'; readonly includes: readonly string[] }
  /** The DNS did not say. */
  | { readonly kind: 'unknown' };

export function readSpfRecords(texts: readonly string[]): SpfRecord {
  const records = spfRecords(texts);
  if (records.length === 0) return { kind: 'absent' };
  const terms = records.length === 1 ? parseSpf(records[0]!.toLowerCase()) : null;
  return terms === null || 'bad' in terms ? { kind: 'broken' } : read(terms);
}

function read(terms: readonly SpfTerm[]): SpfRecord {
  const mechanisms = terms.filter(term => term.kind === 'mechanism');
  const all = mechanisms.findIndex(({ name }) => name === 'all');
  if (all === 0) return { kind: mechanisms[0]!.qualifier === '+' ? 'anybody' : 'nobody' };
  // What stands behind `all` is never asked, and a redirect is not either.
  const asked = all < 0 ? mechanisms : mechanisms.slice(0, all);
  const redirect = all < 0 ? terms.filter(({ kind, name }) => kind === 'modifier' && name === 'redirect') : [];
  if (asked.length === 0 && redirect.length === 0) return { kind: 'nobody' };
  const included = asked.filter(({ name, qualifier }) => name === 'include' && qualifier === '+');
  return { kind: 'some', includes: [...included, ...redirect].map(({ value }) => value) };
}
