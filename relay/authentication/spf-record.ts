// What an SPF record (RFC 7208) tells about mail that has not left yet: the addresses that it will come from are the
// upstream's, and mostly not known to us, so this reads what can be known without them. Evaluation is mailauth's.

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

const VERSION = /^v=spf1(?: |$)/i;

export function readSpfRecords(texts: readonly string[]): SpfRecord {
  const records = texts.filter(text => VERSION.test(text));
  if (records.length === 0) return { kind: 'absent' };
  return records.length === 1 ? read(records[0]!) : { kind: 'broken' };
}

function read(record: string): SpfRecord {
  const includes: string[] = [];
  let redirect: string | null = null;
  let hasMechanism = false;
  for (const term of record.toLowerCase().split(/ +/).slice(1)) {
    const all = /^([+?~-]?)all$/.exec(term);
    if (all && !hasMechanism) return { kind: all[1] === '' || all[1] === '+' ? 'anybody' : 'nobody' };
    // What stands behind `all` is never asked, and a redirect is not either.
    if (all) return { kind: 'some', includes };
    const modifier = /^([a-z][a-z\d._-]*)=(.*)$/.exec(term);
    if (modifier) {
      if (modifier[1] === 'redirect') redirect = modifier[2]!;
      continue;
    }
    if (term === '') continue;
    hasMechanism = true;
    const include = /^\+?include:(.+)$/.exec(term);
    if (include) includes.push(include[1]!);
  }
  if (redirect !== null) includes.push(redirect);
  return hasMechanism || redirect !== null ? { kind: 'some', includes } : { kind: 'nobody' };
}
