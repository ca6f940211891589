// The SPF record of a domain that stands in return paths: one, not too long, and naming whoever sends for it.
import type { Resolve } from '../../src/platform/resolver.ts';
import { askTexts } from './dns-answer.ts';
import { type Finding, unchecked } from './finding.ts';
import { flawOfSpf, judgeSpf, missingSpf } from './judge-spf.ts';
import type { Sender } from './providers.ts';
import { covers } from './spf-coverage.ts';
import { parseSpf, type SpfTerm, spfRecords } from './spf-record.ts';
import { walkSpf } from './spf-walk.ts';

/** One finding for the record, or more, and one for each thing that is only advised. */
export async function checkSpf(resolve: Resolve, domain: string, senders: readonly Sender[]): Promise<Finding[]> {
  const answer = await askTexts(resolve, domain);
  if (answer.kind === 'failed') return [unchecked('spf', domain, answer.code)];
  const records = answer.kind === 'records' ? spfRecords(answer.records) : [];
  if (records.length === 0) return [missingSpf(domain, senders)];
  const flaw = flawOfSpf(domain, records, senders);
  if (flaw) return [flaw];
  const record = records[0]!;
  const walk = await walkSpf(resolve, domain, parseSpf(record) as readonly SpfTerm[]);
  const asked = senders.map(async sender => ({ ...sender, covered: await covers(resolve, walk, sender) }));
  return judgeSpf(domain, record, walk, await Promise.all(asked));
}
