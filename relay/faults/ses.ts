// Amazon SES, as an upstream.
import { type Fault, NOT_RCPT } from './fault.ts';

const CODES = 'https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html';

export const sesFaults: readonly Fault[] = [
  {
    name: 'ses-sending-rate',
    scope: 'upstream',
    slows: true,
    words: ['throttling failure: maximum sending rate'],
    source: CODES,
    example: ['final', '454 Throttling failure: Maximum sending rate exceeded'],
  },
  {
    name: 'ses-daily-quota',
    scope: 'upstream',
    opens: true,
    words: ['throttling failure: daily message quota'],
    source: CODES,
    example: ['final', '454 Throttling failure: Daily message quota exceeded'],
  },
  {
    name: 'ses-sending-paused',
    scope: 'upstream',
    opens: true,
    stages: NOT_RCPT,
    words: ['sending paused for this account'],
    source: 'https://github.com/GoodDollar/GoodServer/issues/419',
    example: ['final', '554 Message rejected: Sending paused for this account.'],
  },
  {
    name: 'ses-not-subscribed',
    scope: 'upstream',
    opens: true,
    words: ['account not subscribed to ses'],
    source: CODES,
    example: ['auth', '535 Account not subscribed to SES'],
  },
  {
    // Of the login, for this identity: another upstream has other rights.
    name: 'ses-access-denied',
    scope: 'upstream',
    words: ['is not authorized to perform'],
    source: CODES,
    example: [
      'final',
      '554 Access denied: User UserARN is not authorized to perform ses:SendRawEmail on resource IdentityARN',
    ],
  },
  {
    name: 'ses-identity-not-verified',
    scope: 'sender',
    permanent: true,
    words: ['the following identities failed the check'],
    source: CODES,
    example: [
      'final',
      '554 Message rejected: Email address is not verified. The following identities failed the check in region region: identity0, identity1, identity2',
    ],
  },
  {
    // On its own suppression list, of all customers.
    name: 'ses-suppressed',
    scope: 'recipient',
    provider: 'ses',
    permanent: true,
    words: ['address blacklisted'],
    source: 'https://github.com/emencia/emencia-django-newsletter/issues/61',
    example: ['final', '554 Message rejected: Address blacklisted.'],
  },
  {
    // "Amazon SES didn't successfully receive the request": not the message's fault, and not taken.
    name: 'ses-service-failure',
    scope: 'upstream',
    provider: 'ses',
    codes: [454],
    words: ['temporary service failure'],
    source: CODES,
    example: ['final', '454 Temporary service failure'],
  },
];
