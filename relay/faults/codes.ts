// What is left when no words are known: the code and the stage. Each is the reading that blames nobody without need: an
// unknown refusal of a recipient is that recipient's, an unknown refusal of a message that message's.
import { BEFORE_MAIL, CONTENT, ENVELOPE, type Fault, NOT_RCPT } from './fault.ts';

export const codeFaults: readonly Fault[] = [
  {
    // Nothing is about this message yet.
    name: 'refused-before-mail',
    scope: 'upstream',
    stages: BEFORE_MAIL,
    source: 'Exim 4.96',
    example: ['banner', '554 SMTP service not available'],
  },
  {
    // It closes, whatever it was asked.
    name: 'host-closing',
    scope: 'upstream',
    slows: true,
    codes: [421],
    source: 'Postfix 3.7: postscreen',
    example: ['mail', '421 4.3.2 All server ports are busy'],
  },
  {
    name: 'login-by-enhanced-code',
    scope: 'upstream',
    stages: ENVELOPE,
    enhanced: ['7.8', '7.9', '7.11', '7.12'],
    source: 'RFC 4954 section 6',
    example: ['mail', '535 5.7.8 Authentication credentials invalid'],
  },
  {
    name: 'login-by-code',
    scope: 'upstream',
    codes: [530, 534, 535, 538],
    source: 'OpenSMTPD 6.8: smtpd',
    example: ['mail', '530 5.5.1 Invalid command: Must issue an AUTH command first'],
  },
  {
    name: 'mail-refused',
    scope: 'sender',
    permanent: true,
    stages: ['mail'],
    source: 'Haraka 3.3: connection.js',
    example: ['mail', '550 Access Denied'],
  },
  {
    // 4.4.5 is for a host, or a way, that has more mail than it can take.
    name: 'congested',
    scope: 'upstream',
    slows: true,
    permanent: false,
    stages: NOT_RCPT,
    enhanced: ['4.5'],
    source: 'RFC 3463 section 3.5',
    example: ['mail', '451 4.4.5 Mail system congestion'],
  },
  {
    // Before anything is known of the message: who we are, and how much we send.
    name: 'deferred-by-policy',
    scope: 'upstream',
    slows: true,
    permanent: false,
    stages: ['mail', 'data'],
    enhanced: ['7.'],
    source: 'RFC 3463 section 3.8',
    example: ['mail', '451 4.7.1 Please try again later'],
  },
  {
    // "452 4.3.1 Insufficient system storage": another upstream may be well.
    name: 'server-trouble',
    scope: 'upstream',
    permanent: false,
    enhanced: ['3.'],
    source: 'Postfix 3.7: smtpd',
    example: ['rcpt', '451 4.3.5 Server configuration error'],
  },
  {
    name: 'deferred-before-content',
    scope: 'upstream',
    permanent: false,
    stages: ['mail', 'data'],
    source: 'Exim 4.96',
    example: ['mail', '452 Space shortage, please try later'],
  },
  {
    name: 'unknown-at-rcpt',
    scope: 'recipient',
    stages: ['rcpt'],
    source: 'https://smtp.codes/mimecast',
    example: ['rcpt', '550 Administrative prohibition - envelope blocked'],
  },
  {
    name: 'unknown-at-data',
    scope: 'message',
    stages: ['data'],
    source: 'Exim 4.96',
    example: ['data', '554 Security failure'],
  },
  {
    name: 'unknown-at-content',
    scope: 'message',
    stages: CONTENT,
    source: 'Exim 4.96',
    example: ['final', '550 Administrative prohibition'],
  },
];
