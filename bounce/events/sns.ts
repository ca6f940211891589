/**
 * Amazon SNS in front of SES: an envelope signed with a key whose certificate it names. Only topics of the settings are
 * listened to, and only their region's own host is asked for certificates and confirmations: nobody else's address is
 * ever fetched. Raw message delivery has no signature and is refused.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../src/platform/clock.ts';
import { createCertificateShelf } from './certificates.ts';
import { type EventDoor, headerOf, isInTime, type Knock, type Opening, pathOf } from './door.ts';
import { type Json, objectOf, parseJson } from './json.ts';
import { readSesEvents } from './ses.ts';
import { isSnsSignature } from './signatures.ts';

/** SNS tries an HTTP endpoint for an hour at most. What is older was kept by somebody. */
const MAX_AGE_MS = 4_200_000;
const TYPES = new Set<unknown>(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']);

export type SnsOptions = {
  readonly topics: readonly string[];
  readonly get: (url: string) => Promise<Buffer>;
  readonly clock: Clock;
};

export function createSesDoor({ topics, get, clock }: SnsOptions): EventDoor {
  const keyAt = createCertificateShelf(get, clock);
  return {
    ...{ path: pathOf('ses', null), provider: 'ses', account: null },
    async open(knock) {
      const message = readEnvelope(knock);
      if ('kind' in message) return message;
      const { topic, envelope } = message;
      if (!topics.includes(topic)) return { kind: 'refused', why: 'topic-not-listed' };
      const host = hostOfTopic(topic);
      if (!isCertificateUrl(envelope.SigningCertURL, host)) return { kind: 'refused', why: 'foreign-certificate' };
      const key = await keyAt(envelope.SigningCertURL);
      if ('kind' in key) return key;
      const distrust = distrustOf(envelope, key, clock());
      return distrust ?? (await act(envelope, topic, host, get, clock));
    },
  };
}

function readEnvelope(knock: Knock): { readonly envelope: Json; readonly topic: string } | Opening {
  if (headerOf(knock, 'x-amz-sns-rawdelivery') === 'true') return { kind: 'refused', why: 'raw-delivery' };
  const envelope = objectOf(parseJson(knock.body.toString()));
  const { TopicArn: topic, Type: type } = envelope;
  if (typeof topic !== 'string' || !TYPES.has(type)) return { kind: 'malformed', why: 'not an SNS message' };
  return { envelope, topic };
}

/** `MessageId` and `Timestamp` must have their form: the signed text has no escapes, so a value could hold the next field. */
function distrustOf(envelope: Json, key: KeyObject, nowMs: number): Opening | null {
  const { MessageId: id, Timestamp: time } = envelope;
  const isFormed = /^[\da-f-]{36}$/.test(String(id)) && /^\d{4}-\d\d-\d\dT[\d:.]{8,12}Z$/.test(String(time));
  if (!isFormed || !isSnsSignature(envelope, key)) return { kind: 'refused', why: 'wrong-signature' };
  return isInTime(Date.parse(String(time)), nowMs, MAX_AGE_MS) ? null : { kind: 'refused', why: 'old-timestamp' };
}

async function act(envelope: Json, topic: string, host: string, get: SnsOptions['get'], clock: Clock) {
  switch (envelope.Type) {
    case 'SubscriptionConfirmation':
      return confirm(envelope.SubscribeURL, topic, host, get);
    // Somebody took us off the topic. Its SubscribeURL would undo that, which is for a person to decide.
    case 'UnsubscribeConfirmation':
      return { kind: 'unsubscribed', topic } as const;
    default: {
      // SES begins with a line of plain text, to try the topic: authentic, and no event.
      const payload = parseJson(String(envelope.Message));
      return { kind: 'events', events: readSesEvents(payload, null, new Date(clock())) } as const;
    }
  }
}

async function confirm(url: unknown, topic: string, host: string, get: SnsOptions['get']): Promise<Opening> {
  if (!isSubscribeUrl(url, topic, host)) return { kind: 'refused', why: 'foreign-subscription' };
  try {
    await get(url);
    return { kind: 'subscribed', topic };
  } catch (cause) {
    return { kind: 'unavailable', why: 'the subscription could not be confirmed', cause };
  }
}

/** `arn:aws-cn:sns:cn-north-1:…` is served by sns.cn-north-1.amazonaws.com.cn, all others by …amazonaws.com. */
function hostOfTopic(topic: string): string {
  const [, partition, , region] = topic.split(':');
  return `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
}

function isCertificateUrl(url: unknown, host: string): url is string {
  const start = `https://${host}/SimpleNotificationService-`;
  return typeof url === 'string' && url.startsWith(start) && /^[\da-f]{8,64}\.pem$/.test(url.slice(start.length));
}

function isSubscribeUrl(text: unknown, topic: string, host: string): text is string {
  const url = typeof text === 'string' ? URL.parse(text) : null;
  if (!url || url.origin !== `https://${host}` || url.pathname !== '/' || url.username !== '') return false;
  return url.searchParams.get('Action') === 'ConfirmSubscription' && url.searchParams.get('TopicArn') === topic;
}
