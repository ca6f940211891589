// Each key's record, as it is and as it should be.
import type { Resolve } from '../../src/platform/resolver.ts';
import type { DkimKey } from '../../src/store/dkim-keys.ts';
import { dkimRecord, judgeDkimTexts } from './dkim-record.ts';
import { askAlias, askTexts } from './dns-answer.ts';
import { type Finding, unchecked } from './finding.ts';

/** Mail that is still tried at the end of its life may be looked at by its reader's server days later. */
const READ_WITHIN_MS = 7 * 86_400_000;

/** Until when the record of a key that signs no more is to stay. */
export function recordNeededUntil(retiredAt: Date, maxAgeMs: number): Date {
  return new Date(retiredAt.getTime() + maxAgeMs + READ_WITHIN_MS);
}

export async function checkDkim(
  key: DkimKey,
  keys: readonly DkimKey[],
  { resolve, maxAgeMs, now }: { resolve: Resolve; maxAgeMs: number; now: number },
): Promise<Finding> {
  const record = dkimRecord(key);
  const required = key.retiredAt === null && !isSuccessor(key, keys);
  const about = { about: 'dkim', name: record.name, required } as const;
  const found = await askTexts(resolve, record.name);
  if (found.kind === 'failed') return { ...unchecked('dkim', record.name, found.code), required };
  const isThere = found.kind === 'records';
  if (key.retiredAt) return { ...about, ...judgeRetired(key.retiredAt, isThere, maxAgeMs, now) };
  if (!isThere) {
    const rest = required ? '' : '; the key before it signs until it is';
    const detail = `${await explainAbsence(resolve, record.name)}${rest}`;
    return { ...about, status: 'missing', rule: 'dkim-missing', detail, publish: record };
  }
  const { ok, rule, detail } = judgeDkimTexts(found.records, key);
  return { ...about, status: ok ? 'found' : 'different', rule, detail, publish: ok ? null : record };
}

function judgeRetired(
  retiredAt: Date,
  isThere: boolean,
  maxAgeMs: number,
  now: number,
): Pick<Finding, 'status' | 'rule' | 'detail' | 'publish'> {
  const until = recordNeededUntil(retiredAt, maxAgeMs);
  const day = until.toISOString().slice(0, 10);
  if (until.getTime() <= now)
    return isThere
      ? { publish: null, status: 'found', rule: 'dkim-may-go', detail: 'signs no more: this record may go' }
      : { publish: null, status: 'found', rule: 'dkim-gone', detail: 'signs no more, and its record is gone' };
  return isThere
    ? { publish: null, status: 'found', rule: 'dkim-retired', detail: `signs no more: leave the record until ${day}` }
    : {
        publish: null,
        status: 'missing',
        rule: 'dkim-gone-early',
        detail: `was to stay until ${day}: mail that it signed fails`,
      };
}

/** Waits for its record while another key of its algorithm signs: nothing is broken without it yet. */
function isSuccessor(key: DkimKey, keys: readonly DkimKey[]): boolean {
  return (
    key.activeFrom === null &&
    keys.some(({ algorithm, activeFrom, retiredAt }) => algorithm === key.algorithm && activeFrom && !retiredAt)
  );
}

/** A CNAME is followed by the resolver; one that leads nowhere looks like no record. */
async function explainAbsence(resolve: Resolve, name: string): Promise<string> {
  const alias = await askAlias(resolve, name);
  return alias.kind === 'records' ? `is a CNAME to ${alias.records[0]}, where there is no TXT record` : 'is not there';
}
