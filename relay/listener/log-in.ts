// AUTH: what is said to a name and a password. 535 and 454 tell nothing about which names exist: the one comes after the
// same time for all of them, the other from the count of failures alone.
import type { SMTPServerAuthentication } from 'smtp-server';
import type { Identity } from '../../src/mail/submission.ts';
import type { FailedLogins } from '../../src/platform/failed-logins.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import type { Authenticate } from '../authenticate.ts';

export type LogInOptions = {
  readonly authenticate: Authenticate;
  readonly failedLogins: FailedLogins;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** As smtp-server wants it. */
type AuthResult = { user?: Identity; responseCode?: number; message?: string };

export function createLogIn(options: LogInOptions) {
  const { authenticate, failedLogins, log, metrics } = options;

  return async (auth: SMTPServerAuthentication, remoteAddress: string): Promise<AuthResult> => {
    const user = auth.username ?? '';
    const about = { identity: user.slice(0, 64), remoteAddress };
    try {
      if (await failedLogins.areTooMany(remoteAddress, user)) {
        metrics.failedLogins.inc({ result: 'throttled' });
        log.warn({ event: 'auth-throttled', ...about }, 'auth-throttled');
        return { responseCode: 454, message: 'Too many failed logins, try again later' };
      }
      // Acting for somebody else is not on offer (RFC 4616 section 2); whether the password was right is not looked at.
      const forAnother = Boolean(auth.authzid) && auth.authzid !== user;
      const identity = forAnother ? null : await authenticate(user, auth.password ?? '');
      if (identity) return { user: identity };
      await failedLogins.note(remoteAddress, user);
      metrics.failedLogins.inc({ result: 'refused' });
      log.info({ event: 'auth-failed', ...about }, 'auth-failed');
      return { responseCode: 535, message: 'Authentication failed' };
    } catch (error) {
      log.error({ err: error, remoteAddress }, 'authentication unavailable');
      return { responseCode: 454, message: 'Temporary authentication failure' };
    }
  };
}
