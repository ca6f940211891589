// The DMARC policy that holds for a domain (RFC 7489): its own, or that of its organisational domain.
import type { Resolve } from '../../src/platform/resolver.ts';
import { parseTags } from './dkim-record.ts';
import { askTexts } from './dns-answer.ts';
import type { DnsRecord } from './dns-record.ts';
import { type Finding, unchecked } from './finding.ts';
import { zoneOf } from './sending-domain.ts';

export async function checkDmarc(resolve: Resolve, domain: string): Promise<Finding> {
  const own = `_dmarc.${domain}`;
  const organisational = zoneOf(domain) ?? domain;
  for (const name of new Set([own, `_dmarc.${organisational}`])) {
    const answer = await askTexts(resolve, name);
    if (answer.kind === 'failed') return unchecked('dmarc', name, answer.code);
    const texts = answer.kind === 'records' ? answer.records.filter(looksLikeDmarc) : [];
    if (texts.length > 0) return judgeDmarc(texts, name, name === own);
  }
  return {
    ...{ about: 'dmarc', name: own, status: 'missing', required: true, rule: 'dmarc-missing', publish: proposal(own) },
    detail: 'there is no DMARC policy: Gmail and Yahoo want one from whoever sends much',
  };
}

/** Also those that were meant to be. */
function looksLikeDmarc(text: string): boolean {
  return /dmarc/i.test(text.slice(0, 20)) || /(?:^|;)\s*p\s*=\s*(?:none|quarantine|reject)\b/i.test(text);
}

/** `texts` is not empty. */
export function judgeDmarc(texts: readonly string[], name: string, isOwn: boolean): Finding {
  const problem =
    texts.length > 1 ? `${texts.length} DMARC records: receivers use none of them; publish one` : problemOf(texts[0]!);
  const rule = texts.length > 1 ? 'dmarc-several-records' : 'dmarc-syntax';
  if (problem)
    return {
      about: 'dmarc',
      name,
      status: 'different',
      required: true,
      rule,
      detail: problem,
      publish: proposal(name),
    };
  const tags = parseTags(texts[0]!)!;
  // What holds below the organisational domain is sp, where there is one.
  const policy = (isOwn ? undefined : tags.get('sp')) ?? tags.get('p')!;
  const inherited = isOwn ? '' : `, from ${name}`;
  const detail = `asks receivers for ${policy.toLowerCase()}${inherited}`;
  return { about: 'dmarc', name, status: 'found', required: true, rule: 'dmarc-found', detail, publish: null };
}

/** RFC 7489 section 6.3; null = nothing is wrong. */
function problemOf(text: string): string | null {
  if (text.includes('\\;')) return 'has backslashes before its semicolons: enter it without them';
  if (text.includes('"')) return 'has quotation marks in its value: enter it without them';
  const tags = parseTags(text);
  if (tags === null) return 'is not of the form tag=value; tag=value';
  if ([...tags.keys()][0] !== 'v' || tags.get('v') !== 'DMARC1') return 'must begin with v=DMARC1;';
  for (const tag of ['p', 'sp']) {
    const value = tags.get(tag);
    if (tag === 'p' && value === undefined) return 'has no p=';
    if (value !== undefined && !/^(none|quarantine|reject)$/i.test(value))
      return `${tag}=${value} is none of none, quarantine, reject`;
  }
  for (const tag of ['adkim', 'aspf'])
    if (tags.has(tag) && !/^[rs]$/i.test(tags.get(tag)!)) return `${tag}=${tags.get(tag)} is neither r nor s`;
  if (tags.has('pct') && !(/^\d{1,3}$/.test(tags.get('pct')!) && Number(tags.get('pct')) <= 100))
    return `pct=${tags.get('pct')} is no number from 0 to 100`;
  for (const tag of ['rua', 'ruf']) {
    const bad = tags
      .get(tag)
      ?.split(',')
      .find(uri => !/^\s*mailto:[^@\s]+@[^@\s]+\s*$/i.test(uri));
    if (bad !== undefined) return `${tag}=${bad.trim()} is not of the form mailto:somebody@example.com`;
  }
  return null;
}

/** Everybody has a postmaster (RFC 5321 section 4.5.1). */
function proposal(name: string): DnsRecord {
  return { name, type: 'TXT', value: `v=DMARC1; p=none; rua=mailto:postmaster@${name.slice('_dmarc.'.length)}` };
}
