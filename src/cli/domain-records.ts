// Findings and records on a terminal. Values stay on one line, however long: they are copied from here.
import { type DnsRecord, type DomainCheck, type Finding, panelForm, zoneLine, zoneOf } from '../../relay/index.ts';

const INDENT = ' '.repeat(10);

/** As the form of a web panel wants it. */
export function printRecord(record: DnsRecord, domain: string): void {
  const { host, value } = panelForm(record, zoneOf(domain) ?? domain);
  console.log(`${INDENT}type   ${record.type}`);
  console.log(`${INDENT}host   ${host}`);
  console.log(`${INDENT}value  ${value}\n`);
}

/** For a zone file, and nothing else, so that it can be appended to one. */
export function printZone(records: readonly DnsRecord[]): void {
  for (const record of records) console.log(zoneLine(record));
}

export function printCheck({ domain, state, findings }: DomainCheck, signing: readonly string[]): void {
  console.log(`${domain}: ${headlineOf(state, findings)}\n`);
  for (const finding of findings) {
    console.log(`${markOf(finding).padEnd(INDENT.length)}${TITLES[finding.about]}${finding.name}`);
    console.log(`${INDENT}${finding.detail}${finding.publish ? '. Publish:' : ''}`);
    if (finding.publish) printRecord(finding.publish, domain);
  }
  if (signing.length > 0)
    console.log(`\n${signing.join(' and ')} ${signing.length === 1 ? 'signs' : 'sign'} from now on.`);
  if (state === 'broken')
    console.log(
      `\nPublish that, then \`npx postern domain check ${domain}\` again (--zone prints lines for a zone file).`,
    );
  console.log('');
}

function headlineOf(state: DomainCheck['state'], findings: readonly Finding[]): string {
  if (state === 'ok') return 'all is well';
  if (state === 'unchecked') return 'could not be checked';
  const required = findings.filter(finding => finding.required);
  const wrong = required.filter(({ status }) => status === 'missing' || status === 'different');
  return `${wrong.length} of ${required.length} records are missing or wrong`;
}

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
