/**
 * Amazon SES, as SNS brings it: `notificationType` where feedback is set on the identity, `eventType` where a configuration
 * set publishes. Open, Click and Send say nothing about delivery. A bounce names the Final-Recipient, which after a
 * forwarder is not whom we mailed; `mail.destination` is.
 */

import { type Claim, claimOf } from './claims.ts';
import { digestOf, type Json, listOf, objectOf, rawText, textOf, timeOf } from './json.ts';
import { judgeBounce, judgeComplaint, judgeDelivered, type Said, unsent, unsubscribed } from './judge.ts';
import { ourIds, readAddress, readMessageId } from './our-ids.ts';
import type { EventRecipient, ProviderEvent, ProviderEventKind } from './provider-event.ts';

type Told = { readonly kind: ProviderEventKind; readonly about: Json; readonly recipients: readonly EventRecipient[] };

export function readSesEvents(payload: unknown, account: string | null, receivedAt: Date): ProviderEvent[] {
  const notification = objectOf(payload);
  const mail = objectOf(notification.mail);
  const told = tellSes(notification, mail);
  if (!told || told.recipients.length === 0) return [];
  const { kind, about, recipients } = told;
  const providerMessageId = textOf(mail.messageId, 200) || null;
  const addresses = recipients.map(one => one.finalAddress ?? one.address).sort();
  const fact = textOf(about.feedbackId, 200) || textOf(about.timestamp, 64);
  const event: ProviderEvent = {
    ...{ provider: 'ses', account, kind, recipients, providerMessageId },
    // Not SNS's MessageId: identity and configuration set may both publish the same bounce.
    eventId: digestOf(kind, providerMessageId ?? '', fact, ...addresses),
    at: timeOf(about.timestamp ?? mail.timestamp, receivedAt),
    internetMessageId: headerOf(mail, 'message-id'),
    ourIds: ourIds(marksOf(mail), [mail.source]),
    raw: rawText(payload),
  };
  return [event];
}

/** By the type's name without blanks, since there are `RenderingFailure` and `Rendering Failure`. */
function tellSes(notification: Json, mail: Json): Told | null {
  const type = textOf(notification.eventType ?? notification.notificationType, 40)
    .replaceAll(' ', '')
    .toLowerCase();
  switch (type) {
    case 'bounce':
      return tellBounce(objectOf(notification.bounce), mail);
    case 'complaint':
      return tellComplaint(objectOf(notification.complaint), mail);
    case 'delivery':
      return tellDelivery(objectOf(notification.delivery), mail);
    case 'deliverydelay':
      return tellDelay(objectOf(notification.deliveryDelay), mail);
    case 'reject':
      return tellReject('reject', objectOf(notification.reject), mail);
    case 'renderingfailure':
      return tellReject('rendering failure', objectOf(notification.failure), mail);
    case 'subscription':
      return tellSubscription(objectOf(notification.subscription), mail);
    default:
      return null;
  }
}

function tellBounce(about: Json, mail: Json): Told | null {
  const claim = claimOf('ses', `${textOf(about.bounceType, 40)}/${textOf(about.bounceSubType, 60)}`);
  if (claim.kind === null) return null;
  const recipients = namedIn(about.bouncedRecipients, mail).map(said => judgeBounce('ses', claim, said));
  return { kind: claim.kind, about, recipients };
}

/** Providers of mailboxes hide who complained: SES then lists everybody at that domain. */
function tellComplaint(about: Json, mail: Json): Told | null {
  const feedbackType = textOf(about.complaintFeedbackType, 40).toLowerCase() || 'abuse';
  if (feedbackType === 'not-spam') return null;
  const named = namedIn(about.complainedRecipients, mail);
  if (textOf(about.complaintSubType, 60) !== '') return tellListed(about, named);
  const isCertain = named.length === 1;
  const recipients = named.map(said => judgeComplaint({ ...said, feedbackType, isCertain }));
  return { kind: 'complained', about, recipients };
}

/** OnAccountSuppressionList: taken by SES and not sent, because of an earlier complaint. */
function tellListed(about: Json, named: readonly Said[]): Told {
  const claim: Claim = {
    ...{ says: `Complaint/${textOf(about.complaintSubType, 60)}`, kind: 'rejected', hard: 'never', reason: 'unknown' },
  };
  return { kind: 'rejected', about, recipients: named.map(said => unsent('ses', claim, said)) };
}

function tellDelivery(about: Json, mail: Json): Told {
  const diagnostic = textOf(about.smtpResponse, 4_096);
  const named = namedIn(about.recipients, mail);
  return { kind: 'delivered', about, recipients: named.map(said => judgeDelivered({ ...said, diagnostic })) };
}

function tellDelay(about: Json, mail: Json): Told {
  const says = `DeliveryDelay/${textOf(about.delayType, 60)}`;
  const claim: Claim = { says, kind: 'delayed', hard: 'never', reason: 'unknown' };
  const named = namedIn(about.delayedRecipients, mail);
  return { kind: 'delayed', about, recipients: named.map(said => judgeBounce('ses', claim, said)) };
}

/** SES rejects for viruses only ("Bad content"); templates are not ours, but another sender's on that account may fail. */
function tellReject(says: string, about: Json, mail: Json): Told {
  const reason = says === 'reject' ? 'virus' : 'unknown';
  const claim: Claim = { says, kind: 'rejected', hard: 'never', reason };
  const diagnostic = textOf(about.reason ?? about.errorMessage, 4_096);
  const named = namedIn(undefined, mail);
  return { kind: 'rejected', about, recipients: named.map(said => unsent('ses', claim, { ...said, diagnostic })) };
}

/** A change of single topics is the app's business; leaving all of them is ours. */
function tellSubscription(about: Json, mail: Json): Told | null {
  if (objectOf(about.newTopicPreferences).unsubscribeAll !== true) return null;
  return { kind: 'unsubscribed', about, recipients: namedIn(undefined, mail).map(said => unsubscribed('ses', said)) };
}

/** Objects with `emailAddress`, or addresses; without any readable one, the only destination that the message had. */
function namedIn(list: unknown, mail: Json): Said[] {
  const mailed = listOf(mail.destination)
    .map(readAddress)
    .filter(address => address !== null);
  if (list === undefined) return mailed.map(address => ({ address }));
  const said = listOf(list)
    .map(one => readRecipient(one, mailed))
    .filter(one => one !== null);
  return said.length > 0 || mailed.length !== 1 ? said : [{ address: mailed[0]! }];
}

function readRecipient(one: unknown, mailed: readonly string[]): Said | null {
  const about = objectOf(one);
  const named = readAddress(typeof one === 'string' ? one : about.emailAddress);
  if (named === null) return null;
  const isMailed = mailed.some(address => address.toLowerCase() === named.toLowerCase());
  const isForwarded = !isMailed && mailed.length === 1;
  return {
    address: isForwarded ? mailed[0]! : named,
    finalAddress: isForwarded ? named : null,
    status: textOf(about.status, 40),
    diagnostic: textOf(about.diagnosticCode, 4_096),
  };
}

/** Values of `mail.tags` are lists. Where only headers are published, the field itself is there. */
function marksOf(mail: Json): unknown[] {
  const tagged = listOf(objectOf(mail.tags).postern, 5);
  const field = /(?:^|[,\s])postern=([\w-]+)/.exec(headerOf(mail, 'x-ses-message-tags') ?? '')?.[1];
  return field === undefined ? [...tagged] : [...tagged, field];
}

function headerOf(mail: Json, name: string): string | null {
  const fields = listOf(mail.headers).map(objectOf);
  const field = fields.find(one => textOf(one.name, 100).toLowerCase() === name);
  return field ? readMessageId(field.value) : null;
}
