// Our account with the upstream, in anybody's words: suspended, out of credit, going too fast. At RCPT the same words are
// about the recipient's account, and after the message they may be, so all but the plainest hold at MAIL only.
import { type Fault, NOT_RCPT } from './fault.ts';

export const accountFaults: readonly Fault[] = [
  {
    name: 'account-closed-at-mail',
    scope: 'upstream',
    opens: true,
    stages: ['mail'],
    words: [
      'account is suspended',
      'account suspended',
      'account has been suspended',
      'account disabled',
      'account is disabled',
      'account has been disabled',
      'account is not active',
      'account is under review',
      'billing',
    ],
    source: 'https://github.com/gophish/gophish/issues/720',
    example: ['mail', '552 Your account has been suspended. Please contact us to reactivate'],
  },
  {
    name: 'own-account-closed',
    scope: 'upstream',
    opens: true,
    stages: NOT_RCPT,
    words: [
      'your account has been suspended',
      'your account is suspended',
      'your account has been disabled',
      'your account is disabled',
      'your account is under review',
      'outgoing mail from…has been suspended',
    ],
    source: 'https://github.com/roundcube/roundcubemail/issues/8737',
    example: ['data', '550 Outgoing mail from "" has been suspended.'],
  },
  {
    name: 'own-credit-used-up',
    scope: 'upstream',
    opens: true,
    words: [
      'credits exceeded',
      'exceeded your credits',
      'exceeded its 24-hour sending limit',
      'daily sending limit',
      'sending quota exceeded',
    ],
    source: 'https://github.com/nodemailer/nodemailer/issues/1137',
    example: [
      'final',
      '550 User me@site.com has exceeded its 24-hour sending limit. Messages to 25 recipients out of 25',
    ],
  },
  {
    // cPanel and policyd: this host's limits for us, over within the hour.
    name: 'own-rate-exceeded',
    scope: 'upstream',
    slows: true,
    words: [
      'throttling failure',
      'maximum sending rate',
      'hourly limit',
      'max emails per hour',
      'max defers and failures per hour',
      'policy rejection- quota exceeded',
      'too many messages. try again in',
      'sender frequency limited',
    ],
    source: 'https://client.cloud4u.com/index.php/knowledgebase/1041/Restrictions-on-the-Service-to-prevent-spam.html',
    example: ['auth', '550 Too many messages. Try again in 92 seconds.'],
  },
  {
    // Postfix's anvil(8), by our address; at RCPT too, where it says nothing of the recipient.
    name: 'postfix-client-rate',
    scope: 'upstream',
    slows: true,
    permanent: false,
    words: ['error: too much mail from', 'error: too many recipients from', 'too many auth commands from'],
    source: 'Postfix 3.7: smtpd',
    example: ['rcpt', '450 4.7.1 Error: too many recipients from 192.0.2.1'],
  },
  {
    name: 'too-many-connections',
    scope: 'upstream',
    slows: true,
    words: ['too many connections', 'too many concurrent', 'too many sessions', 'connection rate limit exceeded'],
    source: 'Exim 4.96',
    example: ['banner', '421 Too many concurrent SMTP connections; please try again later.'],
  },
];
