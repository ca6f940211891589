// Accounts at providers whose events we take, as the POSTERN_EVENTS_… settings list them: `[name=]secret`, comma-separated.
// An account with a name has a path of its own, so that two accounts of one provider need not share a secret.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

export type Account<Secret> = { readonly name: string | null; readonly secret: Secret };

/** `user:password` of HTTP basic authentication: Postmark does not sign what it sends. */
export const basicAccounts = accounts(text => {
  const colon = text.indexOf(':');
  if (colon < 1) return { problem: 'is not user:password' };
  if (text.length - colon - 1 < 16) return { problem: 'has a password of fewer than 16 characters' };
  return { secret: text };
});

export const signingKeyAccounts = accounts(text =>
  text.length < 16 ? { problem: 'is too short for a signing key' } : { secret: text },
);

/** The public key as SendGrid shows it: SubjectPublicKeyInfo in base64. */
export const publicKeyAccounts = accounts<KeyObject>(text => {
  const key = readPublicKey(text);
  if (!key) return { problem: 'is not a public key in base64' };
  const isP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  return isP256 ? { secret: key } : { problem: 'is a public key, but not an ECDSA one on P-256' };
});

export const topicArn = z
  .string()
  .regex(/^arn:aws(-cn|-us-gov)?:sns:[a-z\d-]{5,30}:\d{12}:[\w-]{1,256}(\.fifo)?$/, 'is not the ARN of an SNS topic');

type Read<Secret> = (text: string) => { readonly secret: Secret } | { readonly problem: string };

/** What is wrong is told by its place in the list, never by the text: it is or holds a secret. */
function accounts<Secret>(read: Read<Secret>) {
  return z.string().transform((value, context) => {
    const list: Account<Secret>[] = [];
    const entries = value.split(',').map(entry => entry.trim());
    for (const [index, entry] of entries.filter(Boolean).entries()) {
      const [, name = null, text] = /^(?:([a-z\d][a-z\d-]{0,31})=)?(.*)$/s.exec(entry)!;
      const found = read(text!);
      if ('problem' in found) context.addIssue(`account ${index + 1} ${found.problem}`);
      else if (list.some(other => other.name === name)) context.addIssue(`account ${index + 1} has another one's name`);
      else list.push({ name, secret: found.secret });
    }
    return list;
  });
}

function readPublicKey(base64: string): KeyObject | null {
  try {
    return createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
  } catch {
    return null;
  }
}
