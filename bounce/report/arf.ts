/**
 * Feedback reports: RFC 5965 (message/feedback-report) and what Hotmail's junk mail reporting sent before it.
 * not-spam is praise and reports nothing. auth-failure (RFC 6591) is reported with its type, but it speaks of our DKIM and
 * SPF, not for the recipient: the classifier gives it another reason than `complaint`, and only that may suppress.
 */
import type { Header } from '../mime/header.ts';
import { parseHeader, splitField } from '../mime/header.ts';
import type { Message, Part } from '../mime/walk.ts';
import { partText } from '../mime/walk.ts';
import { addressOf, findAddresses, verpAddress } from './address.ts';
import type { ReportedRecipient } from './recipient.ts';
import { reportedRecipient } from './recipient.ts';

export function isFeedbackReport(message: Message): boolean {
  if (isUnsubscribe(message.header)) return true;
  return feedbackPart(message) !== undefined || hotmailPart(message) !== undefined;
}

export function readFeedback(message: Message, original: Header): ReportedRecipient[] {
  if (isUnsubscribe(message.header)) return [unsubscribed(message.header)];
  const part = feedbackPart(message);
  const fields = part ? readFields(partText(message, part)) : [];
  const feedbackType = valueIn(fields, 'feedback-type')?.toLowerCase() ?? 'abuse';
  if (feedbackType === 'not-spam') return [];
  const named = recipientsOf(fields, original, message);
  const recipients = named.length > 0 ? named : [null];
  return recipients.map(recipient =>
    reportedRecipient({
      recipient,
      originalRecipient: recipient,
      action: 'complaint',
      feedbackType,
      diagnostic: `feedback ${feedbackType} ${valueIn(fields, 'user-agent') ?? ''}`,
      reportingMta: valueIn(fields, 'reporting-mta') ?? null,
      evidence: fields.slice(0, 6).map(field => `${field.name}: ${field.value}`),
    }),
  );
}

/** The report's own part; some gateways relabel it as plain text. */
function feedbackPart(message: Message): Part | undefined {
  const part = message.parts.find(one => one.type === 'message/feedback-report');
  if (part || message.parameters.get('report-type')?.toLowerCase() !== 'feedback-report') return part;
  return message.parts.find(
    one => one.type.startsWith('text/') && /^feedback-type:/im.test(partText(message, one, 4_096)),
  );
}

interface FeedbackField {
  readonly name: string;
  readonly value: string;
}

function readFields(text: string): FeedbackField[] {
  const fields: { name: string; value: string }[] = [];
  for (const line of text.split('\n', 500)) {
    const last = fields[fields.length - 1];
    if ((line.startsWith(' ') || line.startsWith('\t')) && last) last.value += ` ${line.trim()}`;
    else {
      const field = splitField(line);
      if (field) fields.push(field);
    }
  }
  return fields;
}

function valueIn(fields: readonly FeedbackField[], name: string): string | undefined {
  return fields.find(field => field.name === name)?.value;
}

/** What the report names; else what the returned header tells, most reliable first. */
function recipientsOf(fields: readonly FeedbackField[], original: Header, message: Message): string[] {
  const named = namedIn(fields, 'original-rcpt-to');
  if (named.length > 0) return named;
  const removal = namedIn(fields, 'removal-recipient');
  if (removal.length > 0) return removal;
  const hotmail = addressOf(
    hotmailHeader(message)?.get('x-hmxmroriginalrecipient') ?? message.header.get('x-hmxmroriginalrecipient'),
  );
  if (hotmail) return [hotmail];
  const coded = verpAddress(
    addressOf(valueIn(fields, 'original-mail-from') ?? '') ?? addressOf(original.get('return-path')) ?? '',
  );
  if (coded) return [coded];
  const mailed = findAddresses(original.get('to'), 20).filter(address => !isRedacted(address));
  if (mailed.length === 1) return mailed;
  const delivered = addressOf(original.get('delivered-to')) ?? addressOf(original.get('x-original-to'));
  if (delivered) return [delivered];
  return mailed.length > 0 ? mailed : redacted(fields, original);
}

function namedIn(fields: readonly FeedbackField[], name: string): string[] {
  const values = fields.filter(field => field.name === name).map(field => addressOf(field.value));
  return [...new Set(values.filter(value => value !== null && !isRedacted(value)))] as string[];
}

/** A redacted recipient is better than none: its domain tells the provider. */
function redacted(fields: readonly FeedbackField[], original: Header): string[] {
  const address = addressOf(valueIn(fields, 'original-rcpt-to') ?? original.get('to'));
  return address ? [address] : [];
}

function isRedacted(address: string): boolean {
  const lower = address.toLowerCase();
  return lower.includes('redacted') || lower.startsWith('undisclosed') || lower.includes('recipients-not-specified');
}

/** Hotmail before 2015: a multipart/mixed whose returned message carries X-HmXmrOriginalRecipient. */
function hotmailPart(message: Message): number | undefined {
  if (message.header.has('x-hmxmroriginalrecipient')) return 0;
  return hotmailHeader(message) ? 1 : undefined;
}

function hotmailHeader(message: Message): Header | undefined {
  const part = message.parts.find(one => one.type === 'message/rfc822');
  if (!part) return undefined;
  const raw = message.source.slice(part.start, Math.min(part.end, part.start + 16_384));
  return raw.toLowerCase().includes('x-hmxmroriginalrecipient')
    ? parseHeader(raw.trimStart(), 0, raw.length).header
    : undefined;
}

/** Apple Mail answers List-Unsubscribe on its user's behalf: an opt-out by whoever it is from. */
function isUnsubscribe(header: Header): boolean {
  return header.get('x-apple-unsubscribe').toLowerCase() === 'true';
}

function unsubscribed(header: Header): ReportedRecipient {
  const recipient = addressOf(header.get('from'));
  return reportedRecipient({
    recipient,
    action: 'complaint',
    feedbackType: 'opt-out',
    evidence: ['X-Apple-Unsubscribe: true'],
  });
}
