// Twilio SendGrid, as an upstream.
import type { Fault } from './fault.ts';

const CODES = 'https://www.twilio.com/docs/sendgrid/for-developers/sending-email/smtp-errors-and-troubleshooting';

export const sendgridFaults: readonly Fault[] = [
  {
    name: 'sendgrid-credits-used-up',
    scope: 'upstream',
    opens: true,
    words: ['maximum credits exceeded'],
    source: CODES,
    example: ['auth', '451 Authentication failed: Maximum credits exceeded'],
  },
  {
    name: 'sendgrid-messaging-limits',
    scope: 'upstream',
    opens: true,
    words: ['exceeded your messaging limits'],
    source: 'https://github.com/WA-WF-Bot/WA-WF-Bot-Public/issues/282',
    example: ['data', "451 You've exceeded your messaging limits"],
  },
  {
    name: 'sendgrid-account-disabled',
    scope: 'upstream',
    opens: true,
    words: ['authentication failed: account disabled'],
    source: 'https://github.com/sendgrid/docs/issues/5809',
    example: ['auth', '535 Authentication failed: account disabled'],
  },
  {
    name: 'sendgrid-sender-identity',
    scope: 'sender',
    permanent: true,
    words: ['does not match a verified sender identity'],
    source: 'https://github.com/CoderBounty/coderbounty/issues/364',
    example: [
      'final',
      '550 The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.',
    ],
  },
  {
    // The code is outside of RFC 5321, and temporary by its first digit.
    name: 'sendgrid-from-not-authorized',
    scope: 'sender',
    words: ['not authorized to send from that email address'],
    source: CODES,
    example: ['final', '403 You are not authorized to send from that email address'],
  },
  {
    // It wants a login, not another sender.
    name: 'sendgrid-not-logged-in',
    scope: 'upstream',
    words: ['unauthenticated senders not allowed'],
    source: 'https://github.com/sendgrid/docs/issues/6473',
    example: ['mail', '550 Unauthenticated senders not allowed'],
  },
];
