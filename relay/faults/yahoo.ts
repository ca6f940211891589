// Yahoo, AOL, and who else is with them, as the recipient's server.
import { type Fault, TRANSACTION } from './fault.ts';

const SMTP_CODES = 'https://smtp.codes/yahoo';

export const yahooFaults: readonly Fault[] = [
  {
    name: 'yahoo-deferred-by-address',
    scope: 'network',
    slows: true,
    words: ['temporarily deferred due to unexpected volume', 'temporarily deferred due to user complaints'],
    source: 'https://github.com/tutao/tutanota/issues/7113',
    example: [
      'mail',
      '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes',
    ],
  },
  {
    name: 'yahoo-blocked-by-address',
    scope: 'network',
    words: ['all messages from…permanently deferred'],
    source: 'https://github.com/hardware/mailserver/issues/202',
    example: [
      'mail',
      '553 5.7.2 [TSS06] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed. See https://help.yahoo.com/kb/postmaster/SLN3436.html',
    ],
  },
  {
    name: 'yahoo-listed-address',
    scope: 'network',
    words: ['connections will not be accepted from', 'connections not accepted from ip addresses on'],
    source: 'https://github.com/chenjj/espoofer/issues/15',
    example: [
      'mail',
      "553 5.7.1 [TSS07] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list; see https://postmaster.verizonmedia.com/error-codes",
    ],
  },
  {
    name: 'yahoo-no-such-account',
    scope: 'recipient',
    stages: TRANSACTION,
    permanent: true,
    words: [
      "this user doesn't have a",
      'this mailbox is disabled',
      'is no longer valid. [-',
      'requested mail action aborted, mailbox not found',
    ],
    source: SMTP_CODES,
    example: [
      'final',
      "554 delivery error: dd This user doesn't have a yahoo.com account (example@example.com) [-9] - mta1061.mail.ne1.yahoo.com",
    ],
  },
  {
    // Said before the message too, with 5.7.9, which is a login elsewhere (RFC 4954).
    name: 'yahoo-policy',
    scope: 'message',
    permanent: true,
    words: [
      'message not accepted for policy reasons',
      'email not accepted for policy reasons',
      'message not allowed - ',
    ],
    source: SMTP_CODES,
    example: [
      'final',
      '554 Message not allowed - [PH01] Email not accepted for policy reasons. Please visit https://postmaster.yahooinc.com/error-codes',
    ],
  },
  {
    name: 'yahoo-resources',
    scope: 'upstream',
    slows: true,
    permanent: false,
    words: ['resources temporarily unavailable. please try again later [#4.16'],
    source: SMTP_CODES,
    example: [
      'mail',
      '451 mta4004.mail.yahoo.com Resources temporarily unavailable. Please try again later [#4.16.1].',
    ],
  },
];
