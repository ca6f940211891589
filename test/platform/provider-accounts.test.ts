import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ConfigError, loadSettings } from '../../src/platform/config.ts';

const der = (key: { export(how: object): unknown }) =>
  (key.export({ format: 'der', type: 'spki' }) as Buffer).toString('base64');
const P256 = der(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
const P384 = der(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey);
const RSA = der(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey);

const problem = (environment: Record<string, string>): string => {
  try {
    loadSettings(environment);
    return 'none';
  } catch (error) {
    return (error as ConfigError).problems.join('\n');
  }
};

describe('accounts', () => {
  it('have a name or not', () => {
    const { POSTERN_EVENTS_MAILGUN: accounts } = loadSettings({
      POSTERN_EVENTS_MAILGUN: '0123456789abcdef, eu-1=fedcba9876543210',
    });
    expect(accounts).toEqual([
      { name: null, secret: '0123456789abcdef' },
      { name: 'eu-1', secret: 'fedcba9876543210' },
    ]);
  });

  it('of Postmark are a login, whatever its password holds', () => {
    const { POSTERN_EVENTS_POSTMARK: accounts } = loadSettings({
      POSTERN_EVENTS_POSTMARK: 'user:a=b:c/0123456789,shop=user:0123456789abcdef=',
    });
    expect(accounts).toEqual([
      { name: null, secret: 'user:a=b:c/0123456789' },
      { name: 'shop', secret: 'user:0123456789abcdef=' },
    ]);
  });

  it('of SendGrid are a key', () => {
    const { POSTERN_EVENTS_SENDGRID: accounts } = loadSettings({ POSTERN_EVENTS_SENDGRID: `${P256},two=${P256}` });
    expect(accounts!.map(({ name, secret }) => [name, secret.asymmetricKeyType])).toEqual([
      [null, 'ec'],
      ['two', 'ec'],
    ]);
  });

  it.each([
    ['POSTERN_EVENTS_MAILGUN', 'short', 'account 1 is too short for a signing key'],
    ['POSTERN_EVENTS_MAILGUN', 'a=0123456789abcdef,a=0123456789abcdef', "account 2 has another one's name"],
    ['POSTERN_EVENTS_MAILGUN', '0123456789abcdef,0123456789abcdef', "account 2 has another one's name"],
    ['POSTERN_EVENTS_POSTMARK', 'no-colon', 'account 1 is not user:password'],
    ['POSTERN_EVENTS_POSTMARK', ':0123456789abcdef', 'account 1 is not user:password'],
    ['POSTERN_EVENTS_POSTMARK', 'user:hunter2', 'account 1 has a password of fewer than 16 characters'],
    ['POSTERN_EVENTS_SENDGRID', 'AAAA', 'account 1 is not a public key in base64'],
    ['POSTERN_EVENTS_SENDGRID', P384, 'account 1 is a public key, but not an ECDSA one on P-256'],
    ['POSTERN_EVENTS_SENDGRID', RSA, 'account 1 is a public key, but not an ECDSA one on P-256'],
    ['POSTERN_EVENTS_SES_TOPICS', 'arn:aws:sqs:eu-west-1:123456789012:q', 'is not the ARN of an SNS topic'],
    ['POSTERN_EVENTS_SES_TOPICS', 'arn:aws:sns:eu/../x:123456789012:q', 'is not the ARN of an SNS topic'],
  ])('%s=%s is wrong', (name, value, expected) => expect(problem({ [name]: value })).toContain(expected));

  it('never show a secret in a complaint', () => {
    expect(problem({ POSTERN_EVENTS_POSTMARK: 'user:hunter2' })).not.toContain('hunter2');
    expect(problem({ POSTERN_EVENTS_MAILGUN: 'hunter2' })).not.toContain('hunter2');
  });
});
