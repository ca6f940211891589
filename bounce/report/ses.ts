/**
 * Amazon SES notifications that SNS delivers by mail: JSON in a text part, as published or wrapped in an SNS envelope
 * (`"Type": "Notification"`, the notification as a string in `Message`). Lines may have been folded on the way.
 */
import { addressOf } from './address.ts';
import type { ReportAction, ReportedRecipient } from './recipient.ts';
import { reportedRecipient } from './recipient.ts';
import { readStatus } from './reply-code.ts';

type Json = Readonly<Record<string, unknown>>;

export function readSesNotification(text: string): ReportedRecipient[] {
  const start = text.indexOf('{');
  if (
    start === -1 ||
    start > 2_000 ||
    (!text.includes('otificationType') && !text.includes('eventType') && !text.includes('"Message"'))
  )
    return [];
  const notification = unwrap(parseJson(text.slice(start)));
  if (!notification) return [];
  const kind = String(notification.notificationType ?? notification.eventType ?? '').toLowerCase();
  if (kind === 'bounce') return readBounce(objectOf(notification.bounce));
  if (kind === 'complaint') return readComplaint(objectOf(notification.complaint));
  return kind === 'delivery' ? readDelivery(objectOf(notification.delivery)) : [];
}

function readBounce(bounce: Json): ReportedRecipient[] {
  const type = `${textOf(bounce.bounceType)} ${textOf(bounce.bounceSubType)}`.trim();
  return listOf(bounce.bouncedRecipients).map(one =>
    reportedRecipient({
      ...commonOf(one, bounce),
      action: 'failed' as ReportAction,
      status: readStatus(textOf(one.status)),
      diagnostic: textOf(one.diagnosticCode).replace(/^\s*smtp\s*;\s*/i, ''),
      context: `bounceType ${type}`,
      evidence: [`bounceType ${type}`, textOf(one.diagnosticCode)],
    }),
  );
}

function readComplaint(complaint: Json): ReportedRecipient[] {
  const feedbackType = textOf(complaint.complaintFeedbackType).toLowerCase() || 'abuse';
  if (feedbackType === 'not-spam') return [];
  return listOf(complaint.complainedRecipients).map(one =>
    reportedRecipient({
      ...commonOf(one, complaint),
      action: 'complaint',
      feedbackType,
      evidence: [`complaint ${feedbackType}`],
    }),
  );
}

function readDelivery(delivery: Json): ReportedRecipient[] {
  const recipients = Array.isArray(delivery.recipients) ? delivery.recipients : [];
  return recipients.slice(0, 1_000).map(recipient =>
    reportedRecipient({
      recipient: textOf(recipient),
      action: 'delivered',
      diagnostic: textOf(delivery.smtpResponse),
      reportingMta: textOf(delivery.reportingMTA) || null,
    }),
  );
}

function commonOf(
  one: Json,
  parent: Json,
): { recipient: string | null; finalRecipient: string | null; reportingMta: string | null } {
  const recipient = addressOf(textOf(one.emailAddress).slice(0, 1_000));
  return {
    recipient,
    finalRecipient: recipient,
    reportingMta: textOf(parent.reportingMTA).replace(/^dns;\s*/, '') || null,
  };
}

function unwrap(outer: Json | undefined): Json | undefined {
  return outer && typeof outer.Message === 'string' ? parseJson(outer.Message) : outer;
}

/** The object at the head of the text; SNS adds a footer below it, and mail systems fold long lines with `\n `. */
function parseJson(text: string): Json | undefined {
  const object = text.slice(0, objectEnd(text));
  for (const candidate of [object, object.replaceAll('\n ', ''), object.replaceAll('\n', '')]) {
    try {
      return objectOf(JSON.parse(candidate));
    } catch {
      // Not this reading of the line breaks; the next one may be.
    }
  }
  return undefined;
}

function objectEnd(text: string): number {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted) {
      if (char === '\\') i++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '{') depth++;
    else if (char === '}' && --depth === 0) return i + 1;
  }
  return text.length;
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.slice(0, 1_000).map(objectOf) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
