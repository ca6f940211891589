// Who asks? A program by its token (RFC 6750), a person by the login of an admin (RFC 7617). All failures are one answer
// after one time, and who fails too often is not looked at for a while, as at the SMTP door.
import type { Clock } from '../../platform/clock.ts';
import { FailedLogins } from '../../platform/failed-logins.ts';
import type { Logger } from '../../platform/log.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { idOfApiToken } from '../../platform/secret.ts';
import { createSecretCheck } from '../../platform/secret-check.ts';
import { isFit } from './texts.ts';

/** As events and log name whoever did something. */
export type Visitor = { readonly by: string; readonly mayChange: boolean };

export type Admission =
  | { readonly kind: 'visitor'; readonly visitor: Visitor }
  /** `busy`: too many passwords are being looked at already. */
  | { readonly kind: 'refused' | 'throttled' | 'busy' };

export type Access = (authorization: string | undefined, remoteAddress: string) => Promise<Admission>;

export type KnownToken = {
  readonly tokenId: string;
  readonly name: string;
  readonly secretHash: string;
  readonly isReadOnly: boolean;
  readonly isValid: boolean;
};

export type AccessOptions = {
  readonly findToken: (tokenId: string) => Promise<KnownToken | null>;
  /** The hash of that admin's password. */
  readonly findAdminSecret: (name: string) => Promise<string | null>;
  /** Told of each use of a token. */
  readonly noteUse: (tokenId: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** Each costs a scrypt, on threads that file and DNS need too; a failure holds its place for 0.4 s. */
const MAX_PASSWORDS_AT_ONCE = 16;
const MAX_NAME = 255;

type Login =
  | { readonly kind: 'token'; readonly name: string; readonly secret: string }
  | { readonly kind: 'password'; readonly name: string; readonly secret: string };

export function createAccess(options: AccessOptions): Access {
  const { findToken, findAdminSecret, noteUse, log, metrics } = options;
  const check = createSecretCheck(options.clock);
  const failedLogins = new FailedLogins();
  let passwords = 0;

  return async (authorization, remoteAddress) => {
    const login = readLogin(authorization);
    if (!login) return { kind: 'refused' };
    const about = { identity: login.name.slice(0, 64), remoteAddress };
    if (await failedLogins.areTooMany(remoteAddress, login.name)) {
      metrics.failedLogins.inc({ result: 'throttled' });
      log.warn({ event: 'auth-throttled', ...about }, 'auth-throttled');
      return { kind: 'throttled' };
    }
    if (login.kind === 'password' && passwords >= MAX_PASSWORDS_AT_ONCE) return { kind: 'busy' };
    const visitor = login.kind === 'token' ? await byToken(login) : await byPassword(login);
    if (visitor) return { kind: 'visitor', visitor };
    await failedLogins.note(remoteAddress, login.name);
    metrics.failedLogins.inc({ result: 'refused' });
    log.info({ event: 'auth-failed', ...about }, 'auth-failed');
    return { kind: 'refused' };
  };

  async function byToken({ name: tokenId, secret }: Login): Promise<Visitor | null> {
    const found = findToken(tokenId);
    const stored = found.then(token => (token?.isValid ? token.secretHash : null));
    if (!(await check(tokenId, secret, stored))) return null;
    const { name, isReadOnly } = (await found)!;
    noteUse(tokenId);
    return { by: `token ${name}`, mayChange: !isReadOnly };
  }

  async function byPassword({ name, secret }: Login): Promise<Visitor | null> {
    passwords += 1;
    try {
      const stored = name.length > MAX_NAME || !isFit(name) ? Promise.resolve(null) : findAdminSecret(name);
      return (await check(name, secret, stored)) ? { by: `admin ${name}`, mayChange: true } : null;
    } finally {
      passwords -= 1;
    }
  }
}

/** null for what is neither, which needs no look at the database. */
function readLogin(authorization = ''): Login | null {
  const [scheme = '', credentials = ''] = authorization.trim().split(/ +/, 2);
  if (scheme.toLowerCase() === 'bearer') {
    const tokenId = idOfApiToken(credentials);
    return tokenId === null ? null : { kind: 'token', name: tokenId, secret: credentials };
  }
  if (scheme.toLowerCase() !== 'basic') return null;
  const [, name, secret] = /^([^:]+):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString('utf8')) ?? [];
  return name === undefined || secret === undefined ? null : { kind: 'password', name, secret };
}
