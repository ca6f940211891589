// The record of a DKIM key (RFC 6376 section 3.6.1): what it should say, and what is wrong with what was found.
import type { DkimKey } from '../../src/store/dkim-keys.ts';
import type { DnsRecord } from './dns-record.ts';

export type DkimVerdict = { readonly ok: boolean; readonly rule: string; readonly detail: string };

export function dkimRecord({ domain, selector, algorithm, publicKey }: DkimKey): DnsRecord {
  return {
    name: `${selector}._domainkey.${domain}`,
    type: 'TXT',
    value: `v=DKIM1; k=${keyType(algorithm)}; p=${publicKey}`,
  };
}

/** `texts` are all TXT records at the name, strings joined. */
export function judgeDkimTexts(texts: readonly string[], key: Pick<DkimKey, 'algorithm' | 'publicKey'>): DkimVerdict {
  if (texts.length > 1)
    return wrong(
      'dkim-several-records',
      `${texts.length} TXT records at this name: verifiers take any of them; leave one`,
    );
  const text = texts[0] ?? '';
  const damage = damageOf(text);
  if (damage) return damage;
  const tags = parseTags(text);
  if (tags === null) return wrong('dkim-syntax', `is not of the form tag=value; tag=value: ${quote(text)}`);
  return judgeTags(tags, key);
}

/** What web panels do to a value that was pasted into them. */
function damageOf(text: string): DkimVerdict | null {
  if (text.includes('\\;'))
    return wrong('dkim-escaped', 'has backslashes before its semicolons: enter it without them');
  if (text.includes('"')) return wrong('dkim-quotes', 'has quotation marks in its value: enter it without them');
  if (/^v=DKIM1\s+k=/.test(text)) return wrong('dkim-semicolons', 'lost its semicolons: it is v=DKIM1; k=…; p=…');
  if (text === 'v=DKIM1' || /^v=DKIM1; k=[\w]+;?\s*$/.test(text))
    return wrong('dkim-cut-off', 'ends at a semicolon: put quotation marks around the value in the zone file');
  return null;
}

function judgeTags(tags: ReadonlyMap<string, string>, key: Pick<DkimKey, 'algorithm' | 'publicKey'>): DkimVerdict {
  const published = tags.get('p')?.replace(/\s+/g, '');
  const type = tags.get('k') ?? 'rsa';
  if (tags.has('v') && (tags.get('v') !== 'DKIM1' || [...tags.keys()][0] !== 'v'))
    return wrong('dkim-version', 'v=DKIM1 must come first');
  if (published === undefined) return wrong('dkim-no-key', 'has no p=');
  if (published === '') return wrong('dkim-revoked', 'is revoked: p= is empty');
  if (type !== keyType(key.algorithm))
    return wrong('dkim-wrong-type', `says k=${type}, the key is ${keyType(key.algorithm)}`);
  if (published !== key.publicKey) {
    // One of the two strings that an RSA key takes is easily left behind.
    return key.publicKey.startsWith(published) || key.publicKey.endsWith(published)
      ? wrong('dkim-cut-off', `the key is cut off: ${published.length} characters of ${key.publicKey.length}`)
      : wrong('dkim-wrong-key', 'is another key');
  }
  return judgeLimits(tags);
}

/** What the record allows the key to be used for. */
function judgeLimits(tags: ReadonlyMap<string, string>): DkimVerdict {
  const valuesOf = (tag: string) =>
    tags
      .get(tag)
      ?.split(':')
      .map(value => value.trim());
  if (valuesOf('h')?.includes('sha256') === false)
    return wrong('dkim-hashes', `h=${tags.get('h')} does not allow sha256`);
  if (valuesOf('s')?.some(service => service === '*' || service === 'email') === false)
    return wrong('dkim-services', `s=${tags.get('s')} does not allow email`);
  return valuesOf('t')?.includes('y')
    ? { ok: true, rule: 'dkim-testing', detail: 'is the key, but t=y calls it a test: take that out' }
    : { ok: true, rule: 'dkim-found', detail: 'is the key' };
}

/** Tags in order, or null when it is no tag list or a tag stands twice (RFC 6376 section 3.2). */
export function parseTags(text: string): ReadonlyMap<string, string> | null {
  const tags = new Map<string, string>();
  const parts = text.split(';');
  if (parts.at(-1)?.trim() === '') parts.pop();
  for (const part of parts) {
    const match = /^\s*([a-z]\w*)\s*=([\s\S]*)$/i.exec(part);
    if (!match || tags.has(match[1]!)) return null;
    tags.set(match[1]!, match[2]!.trim());
  }
  return tags;
}

function keyType(algorithm: DkimKey['algorithm']): string {
  return algorithm === 'rsa-sha256' ? 'rsa' : 'ed25519';
}

function wrong(rule: string, detail: string): DkimVerdict {
  return { ok: false, rule, detail };
}

export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
