/**
 * Mailgun: `{ signature, event-data }`, one event a request. `failed` is a bounce when its severity is permanent, and a
 * delay when it is temporary. Mailgun keeps the Message-ID that we gave, and repeats user variables.
 */
import { claimOf } from './claims.ts';
import { digestOf, type Json, objectOf, rawText, textOf, timeOf } from './json.ts';
import { judgeBounce, judgeComplaint, judgeDelivered, type Said, unsent, unsubscribed } from './judge.ts';
import { ourIds, readAddress, readMessageId } from './our-ids.ts';
import type { EventRecipient, ProviderEvent, ProviderEventKind } from './provider-event.ts';

type Told = { readonly kind: ProviderEventKind; readonly recipient: EventRecipient };

export function readMailgunEvents(payload: unknown, account: string | null, receivedAt: Date): ProviderEvent[] {
  const data = objectOf(objectOf(payload)['event-data']);
  const envelope = objectOf(data.envelope);
  const headers = objectOf(objectOf(data.message).headers);
  // Rejected messages have no recipient of their own.
  const address = readAddress(data.recipient) ?? readAddress(envelope.targets) ?? readAddress(headers.to);
  const told = address === null ? null : tellMailgun(data, address);
  if (!told) return [];
  const internetMessageId = readMessageId(headers['message-id']);
  const event: ProviderEvent = {
    ...{ provider: 'mailgun', account, kind: told.kind, recipients: [told.recipient] },
    ...{ providerMessageId: internetMessageId, internetMessageId },
    eventId: eventIdOf(data, told),
    at: timeOf(data.timestamp, receivedAt),
    ourIds: ourIds([objectOf(data['user-variables']).postern], [envelope.sender]),
    raw: rawText(data),
  };
  return [event];
}

function tellMailgun(data: Json, address: string): Told | null {
  const said = saidOf(data, address);
  switch (textOf(data.event, 40)) {
    case 'failed':
      return tellFailed(data, said);
    case 'complained':
      return { kind: 'complained', recipient: judgeComplaint({ ...said, feedbackType: 'abuse' }) };
    case 'delivered':
      return { kind: 'delivered', recipient: judgeDelivered(said) };
    case 'unsubscribed':
      return { kind: 'unsubscribed', recipient: unsubscribed('mailgun', said) };
    case 'rejected':
      return { kind: 'rejected', recipient: rejected(data, said) };
    default:
      return null;
  }
}

function tellFailed(data: Json, said: Said): Told | null {
  const claim = claimOf('mailgun', `${textOf(data.severity, 40)}/${textOf(data.reason, 60)}`);
  return claim.kind === null ? null : { kind: claim.kind, recipient: judgeBounce('mailgun', claim, said) };
}

function rejected(data: Json, said: Said): EventRecipient {
  const about = objectOf(data.reject);
  const diagnostic = `${textOf(about.reason, 500)} ${textOf(about.description, 2_000)}`.trim();
  const claim = { says: 'rejected', kind: 'rejected', hard: 'never', reason: 'unknown' } as const;
  return unsent('mailgun', claim, { ...said, diagnostic });
}

/** `message` is the server's; `description` Mailgun's own, which at times is all there is. */
function saidOf(data: Json, address: string): Said {
  const about = objectOf(data['delivery-status']);
  return {
    address,
    status: textOf(about['enhanced-code'], 40),
    replyCode: textOf(about.code, 10),
    diagnostic: textOf(about.message, 4_096) || textOf(about.description, 4_096),
  };
}

/** Ids are unique within a day, says Mailgun. */
function eventIdOf(data: Json, told: Told): string {
  const id = textOf(data.id, 100);
  const time = textOf(data.timestamp, 40);
  return id !== '' ? `${id}@${time}` : digestOf(told.kind, told.recipient.address, time);
}
