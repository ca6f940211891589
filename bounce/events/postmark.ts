/**
 * Postmark: one event a request, told apart by RecordType. Opens and clicks say nothing about delivery, and inbound mail is
 * none of ours. Postmark writes a Message-ID of its own, so the metadata is the only way back to our message.
 */
import { claimOf } from './claims.ts';
import { digestOf, type Json, objectOf, rawText, textOf, timeOf } from './json.ts';
import { judgeBounce, judgeComplaint, judgeDelivered, type Said, unsubscribed } from './judge.ts';
import { ourIds, readAddress } from './our-ids.ts';
import type { EventRecipient, ProviderEvent, ProviderEventKind } from './provider-event.ts';

type Told = { readonly kind: ProviderEventKind; readonly at: unknown; readonly recipient: EventRecipient };

export function readPostmarkEvents(payload: unknown, account: string | null, receivedAt: Date): ProviderEvent[] {
  const record = objectOf(payload);
  const address = readAddress(record.Email ?? record.Recipient);
  const told = address === null ? null : tellRecord(record, address);
  if (!told) return [];
  const providerMessageId = textOf(record.MessageID, 200) || null;
  const event: ProviderEvent = {
    ...{ provider: 'postmark', account, kind: told.kind, recipients: [told.recipient], providerMessageId },
    eventId: eventIdOf(record, told),
    at: timeOf(told.at, receivedAt),
    internetMessageId: null,
    ourIds: ourIds([objectOf(record.Metadata).postern]),
    raw: rawText(payload),
  };
  return [event];
}

function tellRecord(record: Json, address: string): Told | null {
  const said: Said = { address, diagnostic: textOf(record.Details, 4_096) };
  switch (textOf(record.RecordType, 40)) {
    case 'Delivery':
      return { kind: 'delivered', at: record.DeliveredAt, recipient: judgeDelivered(said) };
    case 'SpamComplaint':
      return {
        kind: 'complained',
        at: record.BouncedAt,
        recipient: judgeComplaint({ ...said, feedbackType: 'abuse' }),
      };
    case 'SubscriptionChange':
      return isUnsubscribe(record)
        ? { kind: 'unsubscribed', at: record.ChangedAt, recipient: unsubscribed('postmark', { address }) }
        : null;
    case 'Bounce':
      return tellBounce(record, said);
    default:
      return null;
  }
}

function tellBounce(record: Json, said: Said): Told | null {
  const claim = claimOf('postmark', textOf(record.Type, 60));
  const at = record.BouncedAt;
  switch (claim.kind) {
    case null:
      return null;
    case 'complained':
      return { kind: 'complained', at, recipient: judgeComplaint({ ...said, feedbackType: 'abuse' }) };
    case 'unsubscribed':
      return { kind: 'unsubscribed', at, recipient: unsubscribed('postmark', said) };
    default:
      return { kind: claim.kind, at, recipient: judgeBounce('postmark', claim, said) };
  }
}

/** Bounces and complaints have records of their own; what an admin of the account did is not the recipient's will. */
function isUnsubscribe(record: Json): boolean {
  const isManual = record.SuppressionReason === 'ManualSuppression';
  return record.SuppressSending === true && isManual && record.Origin === 'Recipient';
}

function eventIdOf(record: Json, told: Told): string {
  const id = textOf(record.ID, 40);
  if (id !== '' && id !== '0') return `${told.kind}-${id}`;
  const facts = [textOf(record.MessageID, 200), told.recipient.address, textOf(told.at, 64)];
  return digestOf(told.kind, ...facts);
}
