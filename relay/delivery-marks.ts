// A field in front of mail for a provider whose events we take: the provider repeats it there, and so names our delivery.
// Written for each upstream and transaction anew, behind everything that was decided and signed when the message was
// accepted: no signature of ours is of these fields.

import { scanHeader } from '../src/mail/header.ts';
import { type Provider, providerOfHost } from '../src/mail/provider.ts';
import { type ProviderKind, providerFields } from '../src/mail/provider-fields.ts';
import type { MessageId } from '../src/mail/submission.ts';
import type { Settings } from '../src/platform/settings.ts';
import { smartHosts } from '../src/platform/upstream-url.ts';

/** `parts` as they go to that upstream; `numbers` are those of the transaction's recipients. */
export type DeliveryMarks = (
  parts: readonly Buffer[],
  messageId: MessageId,
  numbers: readonly number[],
  upstream: string,
) => readonly Buffer[];

type MarkSettings = Pick<
  Settings,
  | 'POSTERN_UPSTREAMS'
  | 'POSTERN_EVENTS_SES_TOPICS'
  | 'POSTERN_EVENTS_POSTMARK'
  | 'POSTERN_EVENTS_MAILGUN'
  | 'POSTERN_EVENTS_SENDGRID'
>;

export function createDeliveryMarks(settings: MarkSettings): DeliveryMarks {
  const telling = providersThatTell(settings);
  const hosts = new Map<string, string>();
  for (const { name, host } of smartHosts(settings.POSTERN_UPSTREAMS ?? [])) {
    const provider = providerOfHost(host);
    if (provider !== null && telling.has(provider)) hosts.set(name, host);
  }
  return (parts, messageId, numbers, upstream) => {
    const host = hosts.get(upstream);
    if (host === undefined) return parts;
    const field = providerFields(host, messageId, numbers.length === 1 ? numbers[0]! : null);
    return hasField(parts, field.slice(0, field.indexOf(':'))) ? parts : [Buffer.from(field), ...parts];
  };
}

function providersThatTell(settings: MarkSettings): Set<Provider> {
  const told: readonly (readonly [ProviderKind, readonly unknown[] | null])[] = [
    ['ses', settings.POSTERN_EVENTS_SES_TOPICS],
    ['postmark', settings.POSTERN_EVENTS_POSTMARK],
    ['mailgun', settings.POSTERN_EVENTS_MAILGUN],
    ['sendgrid', settings.POSTERN_EVENTS_SENDGRID],
  ];
  return new Set(told.filter(([, accounts]) => (accounts ?? []).length > 0).map(([provider]) => provider));
}

/**
 * Of an app whose control fields we do not read: it talks to the provider itself, and of two such fields a provider obeys
 * one. Then the Message-ID has to do.
 */
function hasField(parts: readonly Buffer[], name: string): boolean {
  const wanted = name.toLowerCase();
  for (const part of parts) {
    const header = scanHeader(part);
    if (header.fields.some(field => field.name === wanted)) return true;
    if (header.length < part.length) return false;
  }
  return false;
}
