/**
 * From bytes to what a report says. Pure, linear, never throws. The order matters and reads from sure to unsure:
 * feedback, machine-readable status, SES, automatic replies, the free-text families, and else: ordinary mail.
 */
import type { Header } from '../mime/header.ts';
import { sourceText } from '../mime/source.ts';
import type { Message, Part } from '../mime/walk.ts';
import { partText, walkMessage } from '../mime/walk.ts';
import { addressOf, findAddresses, sameAddress, verpAddress } from './address.ts';
import { isFeedbackReport, readFeedback } from './arf.ts';
import { isAutoReply, isAutoReplyText, isChallenge, readAutoReply } from './auto-reply.ts';
import { holdsStatusFields, readDeliveryStatus, readEnvelopeId } from './dsn.ts';
import type { Evidence } from './evidence.ts';
import { enoughWeight, weighHeader, weighText } from './evidence.ts';
import type { FreeformInput } from './family.ts';
import { readForwarded } from './forwarded.ts';
import { readFreeform } from './freeform.ts';
import { readDisposition } from './mdn.ts';
import { originalHeader, originalMessage } from './original.ts';
import { addText } from './prose.ts';
import type { BounceReport, ReportedRecipient, ReportKind } from './recipient.ts';
import type { ReportText } from './report-text.ts';
import { reportText } from './report-text.ts';
import { readSesNotification } from './ses.ts';

interface Opened {
  readonly message: Message;
  readonly report: ReportText;
  readonly original: Header;
  readonly evidence: Evidence;
}

interface Finding {
  readonly kind: ReportKind;
  readonly format: string;
  readonly recipients: readonly ReportedRecipient[];
}

export function parseReport(bytes: Uint8Array): BounceReport {
  const message = walkMessage(sourceText(bytes));
  const report = reportText(message);
  const original = originalHeader(message, report.behind);
  const evidence = weighText(
    weighHeader(message.header, message.type, message.parameters.get('report-type')),
    report.folded,
  );
  const finding = findReport({ message, report, original, evidence });
  const isReport = finding.kind !== 'not-a-bounce';
  return {
    ...finding,
    original: isReport ? originalMessage(original) : null,
    addressedTo: isReport ? addressedTo(message.header) : [],
    envelopeId: finding.kind === 'dsn' ? envelopeId(message) : null,
    header: {
      messageId: message.header.get('message-id') || null,
      from: addressOf(message.header.get('from')),
      subject: message.header.has('subject') ? message.header.text('subject') : null,
    },
  };
}

function envelopeId(message: Message): string | null {
  const part = message.parts.find(one => one.type.endsWith('delivery-status'));
  return readEnvelopeId(part ? partText(message, part, 16_384) : '');
}

const nothing: Finding = { kind: 'not-a-bounce', format: 'none', recipients: [] };

function findReport(opened: Opened): Finding {
  for (const read of readers) {
    const finding = read(opened);
    if (finding) return finding;
  }
  return nothing;
}

const readers: readonly ((opened: Opened) => Finding | undefined)[] = [
  readArf,
  readMdn,
  readDsn,
  readSes,
  readResponder,
  readFree,
  readForward,
  readWrapped,
  readLateResponder,
];

function readArf({ message, original }: Opened): Finding | undefined {
  if (!isFeedbackReport(message)) return undefined;
  const recipients = readFeedback(message, original);
  return recipients.length > 0 ? { kind: 'arf', format: 'arf', recipients } : nothing;
}

function readMdn({ message }: Opened): Finding | undefined {
  const recipients = readDisposition(message);
  if (!recipients) return undefined;
  return recipients.length > 0 ? { kind: 'nonstandard', format: 'mdn', recipients } : nothing;
}

function readDsn(opened: Opened): Finding | undefined {
  const { message, report, evidence } = opened;
  const parts = message.parts.filter(
    part => part.type === 'message/delivery-status' || part.type === 'message/global-delivery-status',
  );
  const status = parts.map(part => partText(message, part)).join('\n\n');
  const fields = status.trim() !== '' ? status : looseFields(opened);
  if (fields === undefined) return undefined;
  if (isChallenge(message.header, report) && parts.length > 0)
    return { kind: 'auto-reply', format: 'challenge', recipients: readAutoReply(message) };
  // Forwarded by a person, status part and all: the report was somebody else's.
  if (evidence.weight < 1 && evidence.signs.includes('reply')) return undefined;
  const recipients = addText(readDeliveryStatus(fields, report.text), inputOf(opened));
  if (recipients.length === 0 || (parts.length === 0 && evidence.weight < enoughWeight - 1)) return undefined;
  return { kind: 'dsn', format: parts.length > 0 ? 'dsn' : 'dsn-fields', recipients };
}

/** Status fields in a text part, before or behind the parts: believed only from a mail system. */
function looseFields({ message, report, evidence }: Opened): string | undefined {
  if (evidence.weight < enoughWeight - 1) return undefined;
  if (holdsStatusFields(report.text)) return report.text;
  const outside = message.parts.filter(
    part => part.within === 'preamble' || part.within === 'epilogue' || isAttachedText(part),
  );
  const text = outside.map(part => partText(message, part, 64 * 1024)).join('\n\n');
  return holdsStatusFields(text) ? text : undefined;
}

/** Some gateways hang the status part on as a text file. */
function isAttachedText(part: Part): boolean {
  return part.type === 'text/plain' && part.header.get('content-disposition').toLowerCase().startsWith('attachment');
}

function readSes({ report }: Opened): Finding | undefined {
  const recipients = readSesNotification(report.text);
  if (recipients.length === 0) return undefined;
  return { kind: recipients[0]!.action === 'complaint' ? 'arf' : 'nonstandard', format: 'ses', recipients };
}

function readResponder({ message, report, evidence }: Opened): Finding | undefined {
  const challenged =
    evidence.weight < enoughWeight + 1 &&
    isChallenge(message.header, report) &&
    !evidence.signs.includes('mailing-list');
  if (!challenged && !isAutoReply(message.header, report)) return undefined;
  return { kind: 'auto-reply', format: challenged ? 'challenge' : 'auto-reply', recipients: readAutoReply(message) };
}

function readFree(opened: Opened): Finding | undefined {
  const found = readFreeform(inputOf(opened), opened.evidence);
  return found && { kind: 'nonstandard', ...found };
}

function readForward(opened: Opened): Finding | undefined {
  const found = readForwarded(inputOf(opened));
  return found && { kind: 'nonstandard', ...found };
}

/**
 * A report that a gateway (InterScan, a list's filter) put whole into another message of the same subject. A nested
 * report of another subject is the returned message, and not ours to read.
 */
function readWrapped({ message, evidence }: Opened): Finding | undefined {
  if (evidence.weight < enoughWeight) return undefined;
  const part = message.parts.find(one => one.type === 'message/rfc822');
  if (!part || message.parts.some(one => one.type.endsWith('delivery-status'))) return undefined;
  const inner = walkMessage(message.source.slice(part.start, part.end).trimStart());
  if (inner.header.text('subject') !== message.header.text('subject') || inner.parts.length === 0) return undefined;
  const report = reportText(inner);
  const original = originalHeader(inner, report.behind);
  return (
    readDsn({ message: inner, report, original, evidence }) ?? readFree({ message: inner, report, original, evidence })
  );
}

function readLateResponder({ message, report }: Opened): Finding | undefined {
  return isAutoReplyText(message.header, report)
    ? { kind: 'auto-reply', format: 'auto-reply', recipients: readAutoReply(message) }
    : undefined;
}

function inputOf({ message, report, original }: Opened): FreeformInput {
  const failed = findAddresses(message.header.all('x-failed-recipients').join(' '), 1_000);
  const own = findAddresses(
    `${message.header.get('to')} ${message.header.get('cc')} ${original.get('from')}`,
    20,
  ).filter(address => !failed.some(one => sameAddress(one, address)));
  const mailed = findAddresses(`${original.get('x-envelope-to')} ${original.get('to')} ${original.get('cc')}`, 100);
  return { message, report, failed, own, mailed };
}

/** VERP first: a coded return path says whom the message was sent to. */
function addressedTo(header: Header): string[] {
  const all = findAddresses(
    ['delivered-to', 'x-original-to', 'to', 'envelope-to'].map(name => header.get(name)).join(' '),
    20,
  );
  return [...all.filter(address => verpAddress(address)), ...all.filter(address => !verpAddress(address))];
}
