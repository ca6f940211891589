// Findings and records on a terminal. Values stay on one line, however long: they are copied from here.
import { type DnsRecord, type DomainCheck, type Finding, panelForm, zoneLine, zoneOf } from '../../relay/index.ts';

const INDENT = ' '.repeat(10);

export function printRecord(record: DnsRecord, domain: string): void {
  const { host, value } = panelForm(record, zoneOf(domain) ?? domain);
  console.log(`${INDENT}type   ${record.type}`);
  console.log(`${INDENT}host   ${host}`);
  console.log(`${INDENT}value  ${value}`);
  console.log(`${INDENT}zone   ${zoneLine(record)}\n`);
}

export function printCheck({ domain, state, findings }: DomainCheck, signing: readonly string[]): void {
  console.log(`${domain}: ${HEADLINES[state]}\n`);
  for (const finding of findings) {
    console.log(`${markOf(finding).padEnd(INDENT.length)}${TITLES[finding.about]}${finding.name}`);
    console.log(`${INDENT}${finding.detail}${finding.publish ? '. Publish:' : ''}`);
    if (finding.publish) printRecord(finding.publish, domain);
  }
  if (signing.length > 0)
    console.log(`\n${signing.join(' and ')} ${signing.length === 1 ? 'signs' : 'sign'} from now on.`);
  console.log('');
}

const HEADLINES = {
  ok: 'all is well',
  broken: 'records are missing or wrong',
  unchecked: 'could not be checked',
} as const;

const TITLES = {
  dkim: 'DKIM   ',
  spf: 'SPF    ',
  dmarc: 'DMARC  ',
  mx: 'MX     ',
  'return-path': 'BOUNCE ',
} as const;

const MARKS = { found: 'ok', missing: 'MISSING', different: 'WRONG', unchecked: 'UNKNOWN' } as const;

/** Capitals for what must be done. */
function markOf({ status, required }: Finding): string {
  return required || status === 'found' ? MARKS[status] : 'note';
}
