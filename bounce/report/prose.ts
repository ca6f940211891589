/**
 * The prose that goes with status fields. Many reporters put the telling words there and leave Diagnostic-Code out, or
 * write the status fields without an address: the text then says who and why.
 */
import { sameAddress } from './address.ts';
import { readBlocks } from './blocks.ts';
import { completeName } from './complete.ts';
import { blockFamilies, customFamilies } from './families.ts';
import type { FreeformInput } from './family.ts';
import type { Reading, ReportedRecipient } from './recipient.ts';
import { oneLine } from './recipient.ts';
import { findReplyCodes, isVague } from './reply-code.ts';

export function addText(read: readonly ReportedRecipient[], input: FreeformInput): ReportedRecipient[] {
  const recipients = read.map(one => named({ ...one, diagnostic: continued(one.diagnostic, input) }, input));
  const complete = recipients.every(
    one => one.recipient !== null && one.diagnostic !== '' && !isExitStatus(one.diagnostic),
  );
  if (complete) return unique(recipients);
  const readings = readProse(input);
  return unique(recipients.map(one => fillIn(one, readings, input, recipients.length)));
}

function named(one: ReportedRecipient, input: FreeformInput): ReportedRecipient {
  const complete = (name: string | null): string | null => completeName(name, input.report.text, input);
  return {
    ...one,
    recipient: complete(one.recipient),
    finalRecipient: complete(one.finalRecipient),
    originalRecipient: complete(one.originalRecipient),
  };
}

/**
 * Sendmail's Diagnostic-Code holds the first line of a multi-line reply (`550-5.7.26 This mail …`); the transcript has
 * the others.
 */
function continued(diagnostic: string, { report }: FreeformInput): string {
  const code = /^[45]\d\d-/.exec(diagnostic)?.[0];
  if (!code || diagnostic.length > 160 || diagnostic.includes(`${code.slice(0, 3)} `)) return diagnostic;
  const start = report.lines.findIndex(line => line.includes(diagnostic.slice(0, 60)));
  if (start === -1) return diagnostic;
  const rest = report.lines.slice(start + 1, start + 12).map(line => line.replace(/^[\s<]+/, ''));
  const end = rest.findIndex(line => !line.startsWith(code.slice(0, 3)));
  return oneLine([diagnostic, ...rest.slice(0, end === -1 ? rest.length : end)].join(' '));
}

function readProse(input: FreeformInput): Reading[] {
  for (const family of [...customFamilies, ...blockFamilies]) {
    if (family.needs !== undefined || !family.marks.some(mark => input.report.folded.includes(mark))) continue;
    const readings = 'read' in family ? family.read(input) : readBlocks(family, input.report);
    if (readings.length > 0) return readings;
  }
  return [];
}

function fillIn(
  one: ReportedRecipient,
  readings: readonly Reading[],
  input: FreeformInput,
  total: number,
): ReportedRecipient {
  const reading =
    readings.find(other => isAbout(other, one)) ??
    (total === 1 && one.recipient === null && readings.length === 1 ? readings[0] : undefined);
  const recipient = one.recipient ?? reading?.originalRecipient ?? reading?.finalRecipient ?? sole(input, total);
  const diagnostic = one.diagnostic || oneLine(reading?.diagnostic ?? '');
  const codes = findReplyCodes(
    isExitStatus(diagnostic) || diagnostic === '' ? (total === 1 ? input.report.text : '') : diagnostic,
  );
  const status =
    one.status === null || (isVague(one.status) && codes.status && !isVague(codes.status)) ? codes.status : one.status;
  return { ...one, recipient, diagnostic, status, replyCode: one.replyCode ?? codes.replyCode };
}

function isAbout(reading: Reading, one: ReportedRecipient): boolean {
  const names = [reading.finalRecipient, reading.originalRecipient, reading.recipient];
  return names.some(
    name => name && [one.finalRecipient, one.originalRecipient].some(other => other && sameAddress(name, other)),
  );
}

function sole({ failed, mailed }: FreeformInput, total: number): string | null {
  if (total !== 1) return null;
  if (failed.length === 1) return failed[0]!;
  return mailed.length === 1 ? mailed[0]! : null;
}

/** A local mailer's exit status says little; the transcript has the reply that was made of it. */
function isExitStatus(diagnostic: string): boolean {
  return diagnostic.startsWith('exit status');
}

/** The same recipient twice (a report repeated in text and fields) is one. */
function unique(recipients: readonly ReportedRecipient[]): ReportedRecipient[] {
  const byAddress = new Map<string, ReportedRecipient>();
  for (const one of recipients) {
    const key = `${(one.recipient ?? '').toLowerCase()} ${(one.finalRecipient ?? '').toLowerCase()}`;
    if (!byAddress.has(key)) byAddress.set(key, one);
  }
  return [...byAddress.values()];
}
