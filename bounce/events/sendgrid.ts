/**
 * SendGrid: a list of events a request, each with our unique arguments among its own fields. Processed, opens, clicks and
 * resubscriptions say nothing about delivery.
 */
import { claimOf } from './claims.ts';
import { digestOf, type Json, listOf, objectOf, rawText, textOf, timeOf } from './json.ts';
import { judgeBounce, judgeComplaint, judgeDelivered, type Said, unsubscribed } from './judge.ts';
import { ourIds, readAddress, readMessageId } from './our-ids.ts';
import type { EventRecipient, ProviderEvent, ProviderEventKind } from './provider-event.ts';

type Told = { readonly kind: ProviderEventKind; readonly recipient: EventRecipient };

export function readSendgridEvents(payload: unknown, account: string | null, receivedAt: Date): ProviderEvent[] {
  // As many as there are: the size of the body is bounded, and what is authentic is not to be cut off.
  return listOf(payload, Number.POSITIVE_INFINITY)
    .map(one => readEvent(objectOf(one), account, receivedAt))
    .filter(event => event !== null);
}

function readEvent(data: Json, account: string | null, receivedAt: Date): ProviderEvent | null {
  const address = readAddress(data.email);
  const told = address === null ? null : tellSendgrid(data, address);
  if (!told) return null;
  const providerMessageId = textOf(data.sg_message_id, 200) || null;
  return {
    ...{ provider: 'sendgrid', account, kind: told.kind, recipients: [told.recipient], providerMessageId },
    eventId:
      textOf(data.sg_event_id, 200) ||
      digestOf(told.kind, told.recipient.address, providerMessageId ?? '', textOf(data.timestamp, 40)),
    at: timeOf(data.timestamp, receivedAt),
    internetMessageId: readMessageId(data['smtp-id']),
    ourIds: ourIds([data.postern]),
    raw: rawText(data),
  };
}

function tellSendgrid(data: Json, address: string): Told | null {
  const said: Said = {
    address,
    status: textOf(data.status, 40),
    diagnostic: textOf(data.reason ?? data.response, 4_096),
  };
  switch (textOf(data.event, 40)) {
    case 'bounce':
      return tellGivenUp(said, `${textOf(data.type, 40) || 'bounce'}: ${textOf(data.bounce_classification, 60)}`);
    case 'dropped':
      return tellGivenUp(said, `dropped: ${textOf(data.reason, 100)}`);
    case 'deferred': {
      const claim = { says: 'deferred', kind: 'delayed', hard: 'never', reason: 'unknown' } as const;
      return { kind: 'delayed', recipient: judgeBounce('sendgrid', claim, said) };
    }
    case 'delivered':
      return { kind: 'delivered', recipient: judgeDelivered(said) };
    case 'spamreport':
      return { kind: 'complained', recipient: judgeComplaint({ ...said, feedbackType: 'abuse' }) };
    case 'unsubscribe':
    case 'group_unsubscribe':
      return { kind: 'unsubscribed', recipient: unsubscribed('sendgrid', said) };
    default:
      return null;
  }
}

function tellGivenUp(said: Said, says: string): Told | null {
  const claim = claimOf('sendgrid', says);
  return claim.kind === null ? null : { kind: claim.kind, recipient: judgeBounce('sendgrid', claim, said) };
}
