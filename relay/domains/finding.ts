// What a check found out about one record: the same words on the screen, in events and in the log.
import type { DnsRecord } from './dns-record.ts';

export type Finding = {
  readonly about: 'dkim' | 'spf' | 'dmarc' | 'mx' | 'return-path';
  /** Owner of the record. */
  readonly name: string;
  readonly status: 'found' | 'missing' | 'different' | 'unchecked';
  /** Without it mail suffers; what is advised is only said. */
  readonly required: boolean;
  /** Names the case: `spf-two-records`. */
  readonly rule: string;
  /** What is wrong or right, in words. */
  readonly detail: string;
  /** What to publish in its place; null = nothing, or nothing that we could know. */
  readonly publish: DnsRecord | null;
};

/** Without an answer nothing is known: neither well nor broken. */
export type CheckState = 'ok' | 'broken' | 'unchecked';

export function stateOf(findings: readonly Finding[]): CheckState {
  const required = findings.filter(finding => finding.required);
  if (required.some(({ status }) => status === 'missing' || status === 'different')) return 'broken';
  return required.some(({ status }) => status === 'unchecked') ? 'unchecked' : 'ok';
}

export function unchecked(about: Finding['about'], name: string, code: string): Finding {
  return {
    ...{ about, name, status: 'unchecked', required: true, rule: `${about}-unchecked`, publish: null },
    detail: `could not be checked: the DNS did not answer (${code})`,
  };
}
