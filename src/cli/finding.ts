// What `postern doctor` found out about one thing, and how it says so.
import { printJson } from './context.ts';

export type Finding = { readonly check: string; readonly ok: boolean; readonly detail: string; readonly todo?: string };

export function printFinding(finding: Finding, json: boolean): void {
  if (json) return printJson(finding);
  console.log(`${finding.ok ? 'ok    ' : 'FAILED'}  ${finding.check.padEnd(12)} ${finding.detail}`);
  if (finding.todo) console.log(`        ${' '.repeat(12)} → ${finding.todo}`);
}
