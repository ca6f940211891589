// Trouble of the server itself, said for good. Another upstream may be well, and this one may be mended before the mail is
// too old. From a domain's own host it is the last word (upstreams/mx.ts).
import { ENVELOPE, type Fault } from './fault.ts';

export const troubleFaults: readonly Fault[] = [
  {
    name: 'mail-system-trouble',
    scope: 'upstream',
    permanent: true,
    words: ['mail system error', 'system not accepting network messages', 'server does not accept mail'],
    source: 'RFC 7504 section 3',
    example: ['rcpt', '521 Server does not accept mail'],
  },
  {
    // Takes nothing from the network; is set up wrongly.
    name: 'mail-system-by-code',
    scope: 'upstream',
    permanent: true,
    enhanced: ['3.2', '3.5'],
    source: 'Sendmail 8.17: sysexits.c',
    example: ['rcpt', '554 5.3.5 Local configuration error'],
  },
  {
    // Not with 550 and 553: there Sendmail puts 5.3.0 beside whatever an access map says, of whomever.
    name: 'mail-system-undefined',
    scope: 'upstream',
    permanent: true,
    stages: ENVELOPE,
    codes: [500, 554],
    enhanced: ['3.0'],
    source: 'Sendmail 8.17: sysexits.c',
    example: ['rcpt', '554 5.3.0 Internal error'],
  },
  {
    // We and it do not understand each other. Not 501 and 504, which are about an argument: an address, as a rule.
    name: 'out-of-step',
    scope: 'upstream',
    stages: ENVELOPE,
    codes: [500, 502, 503],
    enhanced: ['5.1', '5.2'],
    source: 'https://github.com/knadh/listmonk/issues/1239',
    example: ['mail', '503 5.5.1 Error: nested MAIL command'],
  },
  {
    name: 'out-of-step-by-words',
    scope: 'upstream',
    stages: ENVELOPE,
    codes: [500, 502, 503],
    words: [
      'syntax error',
      'bad sequence of commands',
      'nested mail',
      'need mail',
      'need rcpt',
      'sender not yet given',
      'sender already given',
      'must precede data',
      'command not implemented',
      'command not recognized',
      'command unrecognized',
      'unrecognized command',
      'unrecognised command',
      'unknown command',
    ],
    source: 'https://github.com/maildev/maildev/issues/239',
    example: ['rcpt', '503 Error: nested MAIL command'],
  },
];
