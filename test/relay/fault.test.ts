// Who is at fault, by what the providers and servers of the field really say. Each line: the stage, the reply, the scope.
import { describe, expect, it } from 'vitest';
import { scopeOf } from '../../relay/fault.ts';
import { parseReplyLines } from '../../src/mail/reply.ts';
import type { Scope, Stage } from '../../src/mail/upstream.ts';

const REPLIES: Record<string, [Stage, string, Scope][]> = {
  SES: [
    ['mail', '530 Authentication required', 'upstream'],
    ['auth', '535 Authentication Credentials Invalid', 'upstream'],
    ['final', '454 Throttling failure: Maximum sending rate exceeded.', 'upstream'],
    ['final', '454 Throttling failure: Daily message quota exceeded.', 'upstream'],
    ['final', '454 Temporary service failure', 'message'],
    ['data', '454 Temporary service failure', 'upstream'],
    ['final', '554 Message rejected: Email address is not verified. The following identities failed', 'sender'],
    ['final', '554 Message rejected: Sending paused for this account.', 'upstream'],
    ['final', "554 Transaction failed: Invalid domain name: 'x'", 'message'],
    ['final', '552 Message is too long', 'message'],
  ],
  Postmark: [
    ['mail', '530 5.7.0 Authentication required', 'upstream'],
    ['final', '550 5.7.1 The From address is not a Sender Signature on your account', 'sender'],
  ],
  SendGrid: [
    ['rcpt', '451 Maximum credits exceeded', 'upstream'],
    ['mail', '451 Authentication failed: Maximum credits exceeded', 'upstream'],
    ['data', '451 You have exceeded your messaging limits', 'upstream'],
    ['final', '550 Unauthenticated senders not allowed', 'sender'],
    ['final', '550 The from address does not match a verified Sender Identity.', 'sender'],
  ],
  Gmail: [
    ['rcpt', '550 5.1.1 The email account that you tried to reach does not exist.', 'recipient'],
    ['rcpt', "452 4.2.2 The recipient's inbox is out of storage space.", 'recipient'],
    ['rcpt', '450 4.2.1 The user you are trying to contact is receiving mail too quickly.', 'recipient'],
    ['final', '550 5.7.26 This mail has been blocked because the sender is unauthenticated.', 'sender'],
    ['final', '550 5.7.1 Our system has detected that this message is likely unsolicited mail.', 'message'],
    ['final', '421 4.7.0 Temporary System Problem. Try again later.', 'upstream'],
    ['final', '421 4.7.28 Our system has detected an unusual rate of unsolicited mail', 'upstream'],
    ['final', '550 5.4.5 Daily user sending limit exceeded.', 'upstream'],
    ['final', "552 5.3.4 Your message exceeded Google's message size limits.", 'message'],
  ],
  Exchange: [
    ['rcpt', '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup', 'recipient'],
    ['rcpt', '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain', 'upstream'],
    ['final', '550 5.7.60 SMTP; Client does not have permissions to send as this sender', 'sender'],
    ['mail', '530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM', 'upstream'],
    ['auth', '535 5.7.3 Authentication unsuccessful', 'upstream'],
    ['rcpt', '452 4.5.3 Too many recipients (AS780090)', 'recipient'],
    ['final', '550 5.7.515 Access denied, sending domain does not meet the required authentication level.', 'sender'],
    ['mail', '451 4.7.500 Server busy. Please try again later', 'upstream'],
    ['mail', '452 4.3.1 Insufficient system resources', 'upstream'],
  ],
  Postfix: [
    [
      'rcpt',
      '550 5.1.1 <x@example.net>: Recipient address rejected: User unknown in local recipient table',
      'recipient',
    ],
    ['rcpt', '554 5.7.1 <x@example.net>: Relay access denied', 'upstream'],
    ['rcpt', '450 4.2.0 <x@example.net>: Recipient address rejected: Greylisted', 'recipient'],
    ['rcpt', '451 4.3.0 <x@example.net>: Temporary lookup failure', 'upstream'],
    ['rcpt', '553 5.7.1 <a@example.com>: Sender address rejected: not owned by user app', 'sender'],
    ['mail', '452 4.3.1 Insufficient system storage', 'upstream'],
    ['mail', '552 5.3.4 Message size exceeds fixed limit', 'message'],
    ['final', '451 4.3.0 Error: queue file write error', 'upstream'],
    ['final', '550 5.7.1 Content rejected', 'message'],
    ['banner', '554 5.7.1 Service unavailable', 'upstream'],
    ['banner', '421 4.7.0 mx Error: too many connections from 192.0.2.1', 'upstream'],
  ],
  Exim: [
    ['rcpt', '550 relay not permitted', 'upstream'],
    ['rcpt', '550 Unknown user', 'recipient'],
    ['rcpt', '451 Temporary local problem - please try later', 'recipient'],
    ['final', '550 Administrative prohibition', 'message'],
    ['mail', '421 Too many concurrent SMTP connections; please try again later.', 'upstream'],
  ],
  'gateways that look late': [
    ['final', '550 5.1.1 user unknown', 'recipient'],
    ['final', '550 5.2.1 mailbox disabled', 'recipient'],
    ['final', '452 4.2.2 mailbox full', 'message'],
  ],
  'before MAIL, whatever is said': [
    ['connect', '554 5.1.1 no such user', 'upstream'],
    ['tls', '454 4.7.0 TLS not available', 'upstream'],
    ['ehlo', '550 5.1.1 go away', 'upstream'],
  ],
};

describe.each(Object.entries(REPLIES))('who is at fault when %s says', (_who, table) => {
  it.each(table)('at %s: %s', (stage, said, scope) => {
    expect(scopeOf(stage, parseReplyLines(Number(said.slice(0, 3)), [said.slice(4)]))).toBe(scope);
  });
});
