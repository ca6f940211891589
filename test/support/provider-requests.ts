// Requests as the providers sign them, with keys of the test's own, and the event paths on a real HTTP server.
import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto';
import { generate } from 'selfsigned';
import { snsSignedText } from '../../bounce/events/signatures.ts';
import type { ProviderEvent } from '../../bounce/index.ts';
import { createProviderEvents, type ProviderEventsOptions } from '../../src/http/provider-events.ts';
import { startHttp } from '../../src/http/server.ts';
import { loadSettings } from '../../src/platform/config.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import type { LogLine } from './gateway.ts';

export const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:ses-events';
export const LOGIN = 'postmark:b1946ac92492d2347c6235b4d2611184';
export const MAILGUN_KEY = '0123456789abcdef0123456789abcdef';
export const NOW = Date.parse('2026-11-20T10:00:05Z');
const CERTIFICATE_URL = 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem';

export const sendgridKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const sendgridKey = sendgridKeys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');

export type Signed = {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer;
};

export type EventRig = Awaited<ReturnType<typeof startEventRig>>;

/** All four providers, and a second account of Mailgun. `take` keeps what it is given unless told otherwise. */
export async function startEventRig(options: Partial<ProviderEventsOptions> & { env?: Record<string, string> } = {}) {
  const lines: LogLine[] = [];
  const taken: ProviderEvent[][] = [];
  const clock = { now: NOW };
  const metrics = createMetrics(async () => 0);
  const log = createLog('debug', { write: line => void lines.push(JSON.parse(line)) });
  const { env, ...rest } = options;
  const settings = loadSettings({
    POSTERN_EVENTS_SES_TOPICS: TOPIC,
    POSTERN_EVENTS_POSTMARK: LOGIN,
    POSTERN_EVENTS_MAILGUN: `${MAILGUN_KEY},two=${MAILGUN_KEY.toUpperCase()}`,
    POSTERN_EVENTS_SENDGRID: sendgridKey,
    ...env,
  });
  const http = await startHttp({
    ...{ host: '127.0.0.1', port: 0, isProxy: () => false, version: 'test', metrics, isOpen: () => true },
    health: { trouble: null, stop() {} },
    providerEvents: createProviderEvents({
      ...{ settings, log, metrics, clock: () => clock.now },
      take: async events => void taken.push([...events]),
      fetch: async () => {
        throw new Error('nothing is to be fetched here');
      },
      ...rest,
    }),
  });
  const base = `http://127.0.0.1:${http.port}`;
  return {
    ...{ lines, taken, clock, metrics, base, stop: () => http.stop() },
    /** The status of the answer, and its text. */
    async post({ path, headers, body }: Signed): Promise<{ status: number; text: string }> {
      const answer = await fetch(base + path, { method: 'POST', headers, body: body as string });
      return { status: answer.status, text: await answer.text() };
    },
    reasons: () => lines.filter(line => line.event === 'events-refused').map(line => line.reason),
  };
}

export function postmarkRequest(payload: unknown, login = LOGIN): Signed {
  const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
  const headers = { 'content-type': 'application/json', authorization };
  return { path: '/events/postmark', headers, body: JSON.stringify(payload) };
}

export type MailgunHow = { key?: string; at?: number; token?: string; path?: string };

export function mailgunRequest(payload: object, how: MailgunHow = {}): Signed {
  const { key = MAILGUN_KEY, at = NOW, token = randomBytes(25).toString('hex'), path = '/events/mailgun' } = how;
  const timestamp = String(Math.floor(at / 1_000));
  const signature = createHmac('sha256', key).update(timestamp).update(token).digest('hex');
  const body = JSON.stringify({ signature: { timestamp, token, signature }, ...payload });
  return { path, headers: { 'content-type': 'application/json' }, body };
}

export function sendgridRequest(
  payload: unknown,
  how: { key?: KeyObject; at?: number; body?: string; timestamp?: string } = {},
): Signed {
  const { key = sendgridKeys.privateKey, at = NOW, body = JSON.stringify(payload) } = how;
  const timestamp = how.timestamp ?? String(Math.floor(at / 1_000));
  const signature = sign('sha256', Buffer.from(timestamp + body), key).toString('base64');
  return {
    path: '/events/sendgrid',
    headers: {
      'content-type': 'application/json',
      'x-twilio-email-event-webhook-timestamp': timestamp,
      'x-twilio-email-event-webhook-signature': signature,
    },
    body,
  };
}

/** A key and a certificate as Amazon's: RSA, valid around NOW. */
export async function snsIdentity(options: { keySize?: 1024 | 2048; days?: readonly [from: number, to: number] } = {}) {
  const [from, to] = options.days ?? [-1, 1];
  const made = await generate([{ name: 'commonName', value: 'sns.amazonaws.com' }], {
    ...{ keyType: 'rsa', keySize: options.keySize ?? 2048, algorithm: 'sha256' },
    notBeforeDate: new Date(NOW + from * 86_400_000),
    notAfterDate: new Date(NOW + to * 86_400_000),
  });
  return { certificate: made.cert, key: made.private };
}

export type SnsHow = { version?: '1' | '2'; at?: number; after?: Record<string, unknown> };

/** `fields` are signed; `after` is changed once it is signed. */
export function snsRequest(key: string, fields: Record<string, unknown>, how: SnsHow = {}): Signed {
  const { version = '2', at = NOW, after = {} } = how;
  const message: Record<string, unknown> = {
    Type: 'Notification',
    MessageId: randomUUID(),
    TopicArn: TOPIC,
    Message: '',
    Timestamp: new Date(at).toISOString(),
    SignatureVersion: version,
    SigningCertURL: CERTIFICATE_URL,
    ...fields,
  };
  const signed = Buffer.from(snsSignedText(message) ?? '');
  message.Signature = sign(version === '1' ? 'sha1' : 'sha256', signed, key).toString('base64');
  const body = JSON.stringify({ ...message, ...after });
  return { path: '/events/ses', headers: { 'content-type': 'text/plain; charset=UTF-8' }, body };
}
