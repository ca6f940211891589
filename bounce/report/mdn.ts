/**
 * Disposition notifications (RFC 8098). "Displayed" and "deleted" tell of a reader, so nothing failed; but some systems
 * report a full mailbox or a refusal in this form, and those are bounces.
 */
import { splitField } from '../mime/header.ts';
import type { Message } from '../mime/walk.ts';
import { partText } from '../mime/walk.ts';
import { addressOf } from './address.ts';
import type { ReportedRecipient } from './recipient.ts';
import { oneLine, reportedRecipient } from './recipient.ts';

const failures = ['failed', 'denied', 'rejected', 'error', 'warning'];

/** Undefined: no disposition notification. Empty: one, but nothing failed. */
export function readDisposition(message: Message): ReportedRecipient[] | undefined {
  const part = message.parts.find(one => one.type === 'message/disposition-notification');
  if (!part || message.parts.some(one => one.type === 'message/delivery-status')) return undefined;
  const fields = new Map<string, string>();
  for (const line of partText(message, part, 16_384).split('\n', 200)) {
    const field = splitField(line);
    if (field) fields.set(field.name, field.value);
  }
  const disposition = (fields.get('disposition') ?? '').toLowerCase();
  const outcome = disposition.slice(disposition.indexOf(';') + 1);
  const recipient = addressOf(fields.get('original-recipient') ?? '') ?? addressOf(fields.get('final-recipient') ?? '');
  if (!recipient || !failures.some(word => outcome.includes(word))) return [];
  return [
    reportedRecipient({
      recipient,
      finalRecipient: recipient,
      diagnostic: reasonOf(message, fields),
      evidence: [disposition],
    }),
  ];
}

function reasonOf(message: Message, fields: ReadonlyMap<string, string>): string {
  const said = ['error', 'failure', 'warning'].map(name => fields.get(name) ?? '').join(' ');
  const text = message.parts.find(one => one.type === 'text/plain' && one.within !== 'preamble');
  return oneLine(`${said} ${text ? partText(message, text, 4_096) : ''}`);
}
