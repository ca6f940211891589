// Relaying, login and encryption: the upstream does not know us, or not like this.
import { ENVELOPE, type Fault } from './fault.ts';

export const relayFaults: readonly Fault[] = [
  {
    name: 'relaying-denied',
    scope: 'upstream',
    stages: ENVELOPE,
    words: [
      'relay access denied',
      'relaying denied',
      'relaying temporarily denied',
      'relay not permitted',
      'relay denied',
      'unable to relay',
      'not permitted to relay',
      'relaying not allowed',
      'relay not allowed',
      'list of allowed rcpthosts',
      'i cannot deliver mail for',
      'is not allowed from your host',
    ],
    source: 'Postfix 3.7: smtpd',
    example: ['rcpt', '554 5.7.1 <user@example.net>: Relay access denied'],
  },
  {
    name: 'login-wanted',
    scope: 'upstream',
    words: ['authentication required', 'turn on smtp authentication', 'sender address rejected: not logged in'],
    source: 'https://github.com/n8n-io/n8n/issues/13269',
    example: ['rcpt', '501 5.7.0 Authentication required. Please authenticate with CRAM MD5 or AUTH Login.'],
  },
  {
    name: 'encryption-wanted',
    scope: 'upstream',
    words: ['must issue a starttls command first', 'encryption required'],
    source: 'Postfix 3.7: smtpd',
    example: ['mail', '530 5.7.0 Must issue a STARTTLS command first'],
  },
];
