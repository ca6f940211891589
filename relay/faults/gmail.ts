// Google, as an upstream (smtp.gmail.com, smtp-relay.gmail.com) and as the recipient's server.
import { CONTENT, type Fault } from './fault.ts';

const CODES = 'https://support.google.com/a/answer/3726730';

export const gmailFaults: readonly Fault[] = [
  {
    name: 'gmail-account-suspended',
    scope: 'upstream',
    opens: true,
    words: ['email account has been temporarily suspended due to abuse'],
    source: CODES,
    example: [
      'mail',
      '550 5.7.0 Email relay denied ip-address. The sending email account has been temporarily suspended due to abuse.',
    ],
  },
  {
    name: 'gmail-daily-limit',
    scope: 'upstream',
    opens: true,
    words: [
      'daily user sending limit exceeded',
      'daily smtp relay limit exceeded',
      'daily smtp relay sending limit exceeded',
    ],
    source: CODES,
    example: ['final', '550 5.4.5 Daily user sending limit exceeded.'],
  },
  {
    name: 'gmail-peak-limit',
    scope: 'upstream',
    slows: true,
    words: ['peak smtp relay limit exceeded'],
    source: CODES,
    example: ['rcpt', '450 4.2.1 Peak SMTP relay limit exceeded for this customer. This is a temporary error.'],
  },
  {
    name: 'gmail-relay-denied',
    scope: 'upstream',
    words: ['mail relay denied', 'email relay denied', 'invalid credentials for relay'],
    source: CODES,
    example: [
      'final',
      "550 5.7.1 Invalid credentials for relay ip-address. The IP address you've registered in your Workspace SMTP Relay service doesn't match the domain of the account this email is being sent from.",
    ],
  },
  {
    name: 'gmail-recipient-rate',
    scope: 'recipient',
    words: ['trying to contact is receiving'],
    source: CODES,
    example: [
      'rcpt',
      '450 4.2.1 The user you are trying to contact is receiving email too quickly. Please resend your message at a later time.',
    ],
  },
  {
    name: 'gmail-one-domain-at-a-time',
    scope: 'recipient',
    permanent: false,
    words: ['multiple destination domains per transaction', 'try this recipient in a separate transaction'],
    source: CODES,
    example: ['rcpt', '451 4.3.0 Multiple destination domains per transaction is unsupported. Please try again.'],
  },
  {
    name: 'gmail-no-ptr',
    scope: 'network',
    words: ['have a ptr record', 'regarding ptr records'],
    source: CODES,
    example: [
      'final',
      "550 5.7.25 This message was blocked because the sending IP address doesn't have a PTR record, or the forwarding DNS entry doesn't reference the sending IP address.",
    ],
  },
  {
    name: 'gmail-tls-wanted',
    scope: 'upstream',
    words: ['tls required for rcpt domain', "you're not using a tls connection", "wasn't sent over a tls connection"],
    source: CODES,
    example: [
      'final',
      "550 5.7.29 This message was blocked because it wasn't sent over a TLS connection. Gmail requires all bulk email senders to use TLS/SSL for SMTP connections.",
    ],
  },
  {
    name: 'gmail-unauthenticated',
    scope: 'sender',
    words: [
      'rate limited because it is unauthenticated',
      'blocked because the sender is unauthenticated',
      "because spf authentication didn't pass",
      "because dkim authentication didn't pass",
      "blocked because it didn't pass",
      "sending domain doesn't have a dmarc record",
      "isn't aligned with either the authenticated",
      'there is no dmarc alignment',
      "is not accepted due to…domain's dmarc policy",
      'has an spf record with a hard fail',
    ],
    source: CODES,
    example: [
      'final',
      '550 5.7.26 This email has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM.',
    ],
  },
  {
    name: 'gmail-domain-reputation',
    scope: 'sender',
    slows: true,
    words: [
      'very low reputation of the sending domain',
      'originating from your dkim domain',
      'originating from your spf domain',
      'spf record of the sending domain has one or more suspicious entries',
    ],
    source: CODES,
    example: [
      'final',
      '550 5.7.1 This message is likely suspicious due to the very low reputation of the sending domain. To best protect our users from spam, the message has been blocked.',
    ],
  },
  {
    name: 'gmail-content',
    scope: 'message',
    stages: CONTENT,
    words: [
      'suspicious due to the nature of the content',
      'containing one of your url domains',
      'likely unsolicited',
      'content presents a potential security issue',
      'messages that have the same message-id',
    ],
    source: CODES,
    example: [
      'final',
      '550 5.7.1 This message is likely unsolicited email. To reduce the amount of spam sent to Gmail, this message has been blocked.',
    ],
  },
  {
    name: 'gmail-not-rfc-5322',
    scope: 'message',
    stages: CONTENT,
    words: [
      'is not rfc 5322 compliant',
      'valid address in the from: header',
      'valid address in from: header',
      'multiple addresses in the from: header',
      'multiple addresses in from:',
      'valid message-id: header',
    ],
    source: CODES,
    example: ['final', '550 5.7.1 This message is not RFC 5322 compliant because it has duplicate headers.'],
  },
  {
    name: 'gmail-address-reputation',
    scope: 'network',
    slows: true,
    words: [
      'very low reputation of the sending ip',
      'unusual rate of',
      'unusual amount of unsolicited',
      'ip not in whitelist for rcpt domain',
      'not authorized to send email directly to our servers',
      'not authorized to send mail directly to our servers',
      "the ip you're using to send",
    ],
    source: CODES,
    example: [
      'final',
      '421 4.7.28 Gmail has detected an unusual rate of unsolicited email originating from your IP address ip-address. To protect our users from spam, email sent from your IP address has been temporarily rate limited.',
    ],
  },
];
