/**
 * Bounces without a machine-readable part. The families are tried in order, those with the surest marks first; the
 * generic reader comes last and only for mail that its header shows to be from a mail system.
 */
import { readBlocks } from './blocks.ts';
import { completeName } from './complete.ts';
import type { Evidence } from './evidence.ts';
import { enoughWeight } from './evidence.ts';
import { readAnything } from './families/generic.ts';
import { blockFamilies, customFamilies } from './families.ts';
import type { Family, FreeformInput } from './family.ts';
import type { Reading, ReportAction, ReportedRecipient } from './recipient.ts';
import { oneLine, reportedRecipient } from './recipient.ts';
import { findReplyCodes } from './reply-code.ts';
import { delaySubjects } from './subjects.ts';

export interface Freeform {
  readonly format: string;
  readonly recipients: readonly ReportedRecipient[];
}

export function readFreeform(input: FreeformInput, evidence: Evidence): Freeform | undefined {
  const { folded } = input.report;
  for (const family of [...customFamilies, ...blockFamilies]) {
    if (evidence.weight < (family.needs ?? enoughWeight - 1)) continue;
    if (!family.marks.some(mark => folded.includes(mark))) continue;
    const recipients = finish(input, readFamily(family, input));
    if (recipients.length > 0) return { format: family.name, recipients };
  }
  if (evidence.weight < enoughWeight) return undefined;
  const recipients = finish(input, readAnything(input));
  if (recipients.length > 0) return { format: 'generic', recipients };
  return isSurelyFailure(input, evidence) ? { format: 'generic', recipients: [nobodyNamed(input)] } : undefined;
}

/** A bounce that names nobody is still one: it may be tied to its message by VERP or Message-ID. */
function isSurelyFailure({ report }: FreeformInput, { signs }: Evidence): boolean {
  return (
    signs.includes('subject') &&
    signs.includes('from-daemon') &&
    namelessFailures.some(words => report.folded.includes(words))
  );
}

const namelessFailures = [
  'could not be delivered',
  'cannot be delivered',
  'was not delivered',
  'unable to deliver',
  'not able to deliver',
  'not a valid user',
  'user unknown',
  'unknown user',
  'undeliverable',
  'mailbox full',
  'message was rejected',
];

function nobodyNamed(input: FreeformInput): ReportedRecipient {
  const context = oneLine(input.report.text, 3_000);
  return reportedRecipient({
    action: actionOf(input),
    diagnostic: context,
    context,
    evidence: input.report.lines.filter(line => line.trim() !== '').slice(0, 3),
  });
}

function readFamily(family: Family, input: FreeformInput): Reading[] {
  return 'read' in family ? family.read(input) : readBlocks(family, input.report);
}

/** Completes what the readers leave out, and keeps each recipient once. */
function finish(input: FreeformInput, readings: readonly Reading[]): ReportedRecipient[] {
  const action = actionOf(input);
  const context = oneLine(input.report.text, 3_000);
  const byAddress = new Map<string, ReportedRecipient>();
  for (const reading of readings) {
    const named = reading.recipient ?? reading.originalRecipient ?? reading.finalRecipient ?? null;
    const recipient = completeName(named, `${reading.diagnostic ?? ''} ${input.report.text}`, input);
    const key = (recipient ?? '').toLowerCase();
    if (key === '') continue;
    const diagnostic = answerIn(reading.diagnostic ?? '', readings.length === 1 ? context : '');
    const codes = codesOf(reading, context, readings.length);
    const one = reportedRecipient({ action, ...reading, diagnostic, ...codes, recipient, context });
    byAddress.set(key, better(byAddress.get(key), one));
  }
  return [...byAddress.values()];
}

/** Named twice (prose first, the technical part below), the one with codes says more. */
function better(known: ReportedRecipient | undefined, one: ReportedRecipient): ReportedRecipient {
  if (!known) return one;
  const isVaguer = known.status === null && known.replyCode === null && (one.status !== null || one.replyCode !== null);
  if (!isVaguer) return known;
  return {
    ...one,
    diagnostic: oneLine(`${one.diagnostic} ${known.diagnostic}`),
    evidence: [...known.evidence, ...one.evidence],
  };
}

const answerMarks = [
  'the error that the other server returned was:',
  'the response from the remote server was:',
  'the response was:',
];

/** Where the reporter quotes the other server, its own explanations in front only mislead. */
function answerIn(diagnostic: string, context: string): string {
  const text = oneLine(diagnostic);
  return behindMark(text) ?? behindMark(context) ?? text;
}

function behindMark(text: string): string | undefined {
  const lower = text.toLowerCase();
  const mark = answerMarks.find(words => lower.includes(words));
  return (mark && text.slice(lower.indexOf(mark) + mark.length).trim()) || undefined;
}

/** Where one recipient's own lines hold no code, the report's only one is his. */
function codesOf(reading: Reading, context: string, recipients: number): Partial<Reading> {
  const own = findReplyCodes(reading.diagnostic ?? '');
  if (recipients > 1 || own.replyCode || own.status) return {};
  const codes = findReplyCodes(context);
  return { replyCode: reading.replyCode ?? codes.replyCode, status: reading.status ?? codes.status };
}

const delayWords = [
  'has been delayed',
  'is delayed for',
  'this is a warning message only',
  'this is a warning only',
  'warning message only',
  'not yet been delivered',
  'has not been delivered yet',
  'will be retried',
  'will continue to try',
  'will keep trying',
  'attempts will continue',
  'still being retried',
  'still trying to deliver',
  'temporary failure report',
  'you do not need to resend',
  'message delivery delayed',
];

const deliveredWords = [
  'successfully delivered to',
  'was successfully relayed',
  'successfully relayed to',
  'has been successfully delivered',
  'message was delivered to the following',
];
const finalWords = ['giving up', 'not going to try again', 'failed permanently', 'permanent error', 'permanent fatal'];

function actionOf({ message, report }: FreeformInput): ReportAction {
  const subject = message.header.text('subject').toLowerCase();
  const { folded } = report;
  if (deliveredWords.some(words => folded.includes(words))) return 'delivered';
  const isDelay =
    delaySubjects.some(words => subject.includes(words)) || delayWords.some(words => folded.includes(words));
  return isDelay && !finalWords.some(words => folded.includes(words)) ? 'delayed' : 'failed';
}
