// DMARC records (RFC 7489 section 6.3, with the tags that RFC 9989 added): what a domain asks receivers to do with mail
// that bears its name and does not pass.
import type { Alignment } from './alignment.ts';

export type DmarcPolicy = 'none' | 'quarantine' | 'reject';

export type DmarcRecord = {
  readonly policy: DmarcPolicy;
  /** For domains below that have no record of their own; `absent` for those that do not even exist. */
  readonly below: DmarcPolicy;
  readonly absent: DmarcPolicy;
  readonly dkim: Alignment;
  readonly spf: Alignment;
};

/** The version is the first tag, and exact; the rest of the record is forgiving. */
const VERSION = /^\s*v\s*=\s*DMARC1\s*(;|$)/;
const POLICIES: readonly string[] = ['none', 'quarantine', 'reject'];
/** `t=y` and, before it, `pct=0` ask receivers to be one step milder. */
const MILDER = { none: 'none', quarantine: 'none', reject: 'quarantine' } as const;

/** null = none that counts: with two, receivers take neither (RFC 7489 section 6.6.3). */
export function parseDmarcRecords(texts: readonly string[]): DmarcRecord | null {
  const records = texts.filter(text => VERSION.test(text));
  return records.length === 1 ? parse(records[0]!) : null;
}

function parse(text: string): DmarcRecord | null {
  const tags = parseTags(text);
  const policy = policyOf(tags, 'p');
  const below = policyOf(tags, 'sp') ?? policy;
  const absent = policyOf(tags, 'np') ?? below;
  const alignments = { dkim: alignmentOf(tags, 'adkim'), spf: alignmentOf(tags, 'aspf') };
  if (policy === 'broken' || policy === null || below === 'broken' || absent === 'broken') {
    // RFC 7489 section 6.6.3: as p=none where reports are asked for, else as no record.
    const wantsReports = /^[a-z][a-z\d+.-]*:/i.test(tags.get('rua') ?? '');
    return wantsReports ? { policy: 'none', below: 'none', absent: 'none', ...alignments } : null;
  }
  const isTest = tags.get('t')?.toLowerCase() === 'y' || tags.get('pct') === '0';
  const asked = (wanted: DmarcPolicy) => (isTest ? MILDER[wanted] : wanted);
  return { policy: asked(policy), below: asked(below!), absent: asked(absent!), ...alignments };
}

function parseTags(text: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const part of text.split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0) tags.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim());
  }
  return tags;
}

function policyOf(tags: Map<string, string>, name: string): DmarcPolicy | 'broken' | null {
  const value = tags.get(name)?.toLowerCase();
  if (value === undefined) return null;
  return POLICIES.includes(value) ? (value as DmarcPolicy) : 'broken';
}

function alignmentOf(tags: Map<string, string>, name: string): Alignment {
  return tags.get(name)?.toLowerCase() === 's' ? 'strict' : 'relaxed';
}
