// What is to be said about an SPF record, once everything has been looked up.
import { quote } from './dkim-record.ts';
import type { DnsRecord } from './dns-record.ts';
import { type Finding, unchecked } from './finding.ts';
import type { Sender } from './providers.ts';
import type { Coverage } from './spf-coverage.ts';
import { mergeSpf, parseSpf } from './spf-record.ts';
import { MAX_LOOK_UPS, type SpfWalk } from './spf-walk.ts';

export type CoveredSender = Sender & { readonly covered: Coverage };

export function missingSpf(domain: string, senders: readonly Sender[]): Finding {
  const terms = termsOf(senders);
  const isWhole = senders.length > 0 && terms.length === senders.length;
  const detail = `there is no SPF record${isWhole ? '' : '; add the addresses that your mail leaves from'}`;
  const publish = proposal(domain, [], terms.length > 0 ? terms : ['mx']);
  return { about: 'spf', name: domain, status: 'missing', required: true, rule: 'spf-missing', detail, publish };
}

/** What is wrong before anything is followed; null = nothing. */
export function flawOfSpf(domain: string, records: readonly string[], senders: readonly Sender[]): Finding | null {
  const publish = proposal(domain, records, termsOf(senders));
  if (records.length > 1) {
    const detail = `${records.length} SPF records: receivers use none of them (RFC 7208 section 3.2); publish one`;
    return wrong(domain, 'spf-two-records', detail, publish);
  }
  const terms = parseSpf(records[0]!);
  if ('bad' in terms) return wrong(domain, 'spf-syntax', `${quote(terms.bad)} is no SPF term`, null);
  const letsAllPass = terms.some(term => term.kind === 'mechanism' && term.name === 'all' && term.qualifier === '+');
  return letsAllPass ? wrong(domain, 'spf-plus-all', '+all lets everybody send as this domain', publish) : null;
}

/** One finding about the record or more, and behind them what is only advised. */
export function judgeSpf(domain: string, record: string, walk: SpfWalk, senders: readonly CoveredSender[]): Finding[] {
  const missing = senders.filter(({ covered }) => covered === 'no');
  const problems = problemsOf(domain, record, walk, missing);
  const unanswered = [
    ...walk.unanswered,
    ...senders.filter(({ covered }) => covered === 'unknown').map(({ host }) => host),
  ];
  if (problems.length === 0 && unanswered.length > 0)
    problems.push(unchecked('spf', domain, `${unanswered.join(', ')}`));
  if (problems.length === 0) problems.push(well(domain, walk));
  return [...problems, ...adviceOf(domain, record, walk, missing)];
}

function problemsOf(domain: string, record: string, walk: SpfWalk, missing: readonly Sender[]): Finding[] {
  const problems: Finding[] = [];
  const required = missing.filter(sender => sender.required);
  if (walk.broken.length > 0) {
    const detail = `${walk.broken.join('; ')}: receivers take the whole record for an error`;
    problems.push(wrong(domain, 'spf-broken-include', detail, null));
  }
  if (walk.lookUps > MAX_LOOK_UPS) {
    const limit = `receivers stop at ${MAX_LOOK_UPS} (RFC 7208 section 4.6.4)`;
    const detail = `needs ${walk.lookUps} look-ups; ${limit}: take out what no longer sends`;
    problems.push(wrong(domain, 'spf-look-ups', detail, null));
  }
  if (required.length > 0) {
    const detail = `does not let ${listOf(required)} send`;
    problems.push(wrong(domain, 'spf-sender-missing', detail, proposal(domain, [record], termsOf(missing))));
  }
  return problems;
}

function adviceOf(domain: string, record: string, walk: SpfWalk, missing: readonly Sender[]): Finding[] {
  const advice: Finding[] = [];
  if (missing.length > 0 && missing.every(sender => !sender.required)) {
    const detail = `does not name ${listOf(missing)}, which uses a return path of its own: advised, not needed`;
    advice.push(wrong(domain, 'spf-sender-advised', detail, proposal(domain, [record], termsOf(missing))));
  }
  if (walk.passes.some(({ name }) => name === 'ptr'))
    advice.push(wrong(domain, 'spf-ptr', 'uses ptr, which many receivers ignore (RFC 7208 section 5.5)', null));
  return advice.map(finding => ({ ...finding, required: false }));
}

function well(domain: string, { lookUps }: SpfWalk): Finding {
  const detail = `is well: ${lookUps} of ${MAX_LOOK_UPS} look-ups`;
  return { about: 'spf', name: domain, status: 'found', required: true, rule: 'spf-found', detail, publish: null };
}

function wrong(domain: string, rule: string, detail: string, publish: DnsRecord | null): Finding {
  return { about: 'spf', name: domain, status: 'different', required: true, rule, detail, publish };
}

function proposal(domain: string, records: readonly string[], missing: readonly string[]): DnsRecord {
  return { name: domain, type: 'TXT', value: mergeSpf(records, missing) };
}

function termsOf(senders: readonly Sender[]): string[] {
  return senders.flatMap(({ term }) => (term === null ? [] : [term]));
}

function listOf(senders: readonly Sender[]): string {
  return senders.map(({ host, term }) => `${host} (${term})`).join(', ');
}
