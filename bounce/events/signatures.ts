/** Whether what came over HTTP is the provider's. Pure, and before anything of the payload is believed. */
import {
  createHash,
  createHmac,
  createPublicKey,
  type KeyObject,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto';
import { type Json, textOf } from './json.ts';

/** Both are hashed first: then even their lengths take the same time. */
function isSameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** RFC 7617 `Basic`, its `user:password` compared as a whole. */
export function isBasicLogin(authorization: string | undefined, expected: string): boolean {
  const encoded = /^basic +([a-z\d+/=]+)$/i.exec(authorization ?? '')?.[1] ?? '';
  return isSameSecret(Buffer.from(encoded, 'base64').toString(), expected);
}

/** Mailgun, "Securing webhooks": HMAC-SHA256 in hex of timestamp and token. The payload itself is not signed. */
export function isMailgunSignature(signature: Json, key: string): boolean {
  const signed = `${textOf(signature.timestamp, 40)}${textOf(signature.token, 200)}`;
  const expected = createHmac('sha256', key).update(signed).digest('hex');
  return isSameSecret(textOf(signature.signature, 200).toLowerCase(), expected);
}

/** Twilio SendGrid, "Signed Event Webhook": ECDSA P-256 with SHA-256, in ASN.1, of timestamp and the body's very bytes. */
export function isSendgridSignature(options: {
  readonly key: KeyObject;
  readonly timestamp: string;
  readonly signature: string;
  readonly body: Buffer;
}): boolean {
  const { key, timestamp, signature, body } = options;
  const signed = Buffer.concat([Buffer.from(timestamp), body]);
  return isVerified('sha256', signed, key, signature);
}

/** Amazon SNS, "Verifying the signatures": version 1 is RSA with SHA-1, version 2 with SHA-256. */
export function isSnsSignature(message: Json, key: KeyObject): boolean {
  const algorithm = SNS_ALGORITHMS.get(message.SignatureVersion);
  if (!algorithm || typeof message.Signature !== 'string') return false;
  const signed = snsSignedText(message);
  return signed !== null && isVerified(algorithm, Buffer.from(signed), key, message.Signature);
}

const SNS_ALGORITHMS: ReadonlyMap<unknown, string> = new Map([
  ['1', 'sha1'],
  ['2', 'sha256'],
]);

/** In byte order of their names; Subject only where there is one. */
const NOTIFICATION_FIELDS = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'];
const CONFIRMATION_FIELDS = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];

/** Null when a field that has to be there is missing. Exported for tests, which sign. */
export function snsSignedText(message: Json): string | null {
  const names = message.Type === 'Notification' ? NOTIFICATION_FIELDS : CONFIRMATION_FIELDS;
  let text = '';
  for (const name of names) {
    const value = message[name];
    if (typeof value === 'string') text += `${name}\n${value}\n`;
    else if (name !== 'Subject' || (value !== undefined && value !== null)) return null;
  }
  return text;
}

/**
 * The key of a certificate that came from Amazon's own host over TLS. Its chain is not walked: who can put a file there
 * holds a certificate of that host already. Null when it is not one, not RSA of 2048 bits, or out of date.
 */
export function keyOfCertificate(pem: Buffer, nowMs: number): KeyObject | null {
  try {
    const certificate = new X509Certificate(pem);
    const isInTime = Date.parse(certificate.validFrom) <= nowMs && nowMs <= Date.parse(certificate.validTo);
    const key = createPublicKey(pem);
    const bits = key.asymmetricKeyType === 'rsa' ? (key.asymmetricKeyDetails?.modulusLength ?? 0) : 0;
    return isInTime && bits >= 2048 ? key : null;
  } catch {
    return null;
  }
}

function isVerified(algorithm: string, signed: Buffer, key: KeyObject, base64: string): boolean {
  try {
    return verify(algorithm, signed, key, Buffer.from(base64, 'base64'));
  } catch {
    // A signature that is not even one: OpenSSL throws for some of them.
    return false;
  }
}
