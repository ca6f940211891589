// Where it comes from: our address, its name, its neighbourhood. The upstream and the message are well; another way may be
// open.
import type { Fault } from './fault.ts';

export const originFaults: readonly Fault[] = [
  {
    name: 'address-listed',
    scope: 'network',
    words: [
      'blocked using',
      'client host rejected: blocked',
      'client host blocked',
      'ip address is block listed',
      'is locally blacklisted',
      'in a black list at',
      'is blacklisted',
      'spamhaus.org/query/',
      'spamhaus.org/sbl',
      'support.proofpoint.com/dnsbl-lookup',
      'ipcheck.proofpoint.com',
      'helo domain is listed in',
      'is listed at',
      '(bl)',
    ],
    source: 'Postfix 3.7: smtpd',
    example: [
      'rcpt',
      '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1',
    ],
  },
  {
    // Lists that are named by the page where one can look.
    name: 'address-listed-there',
    scope: 'network',
    words: ['spamcop.net/bl', 'spamcop.net/w3m', 'is in an rbl', 'due to listing in spamhaus'],
    source: 'https://github.com/zone-eu/zone-mta/pull/251',
    example: [
      'rcpt',
      '550 "JunkMail rejected - mail.example.com [192.0.2.1]:24706 is in an RBL: Blocked - see https://www.spamcop.net/bl.shtml?192.0.2.1"',
    ],
  },
  {
    // Cisco, Cloudmark, Mimecast, and in plain words.
    name: 'address-poor-reputation',
    scope: 'network',
    slows: true,
    words: [
      "sending mta's poor reputation",
      'has a poor reputation on cloudmark',
      'csi.mimecast.org poor reputation',
      'your ip address has been blocked',
      'your ip address is blocked',
      'your ip has been blocked',
      'your ip is blocked',
    ],
    source: 'https://github.com/zytzagoo/smtp-validate-email/issues/40',
    example: [
      'rcpt',
      "554 Your access to this mail system has been rejected due to the sending MTA's poor reputation. If you believe that this failure is in error, please contact the intended recipient via alternate means.",
    ],
  },
  {
    name: 'address-reputation',
    scope: 'network',
    slows: true,
    words: [
      'ip reputation',
      'insufficient reputation',
      'new or untrusted ip',
      'policy restrictions (ip based)',
      'low reputation of the sending ip',
      'comcast block for spam',
      'adresse ip source bloquee',
      'blocked ip',
      'host network not allowed',
      'mail not allowed from this range',
      'you are not allowed to connect',
    ],
    source: 'https://smtp.codes/titan',
    example: ['mail', '421 4.7.0  : Sender IP rejected: sending IP has insufficient reputation.  Please retry later.'],
  },
  {
    name: 'no-reverse-dns',
    scope: 'network',
    words: [
      'ptr resource record',
      'ptr record',
      'reverse dns',
      'cannot find your hostname',
      'cannot find your reverse hostname',
      'rdns lookup failed',
      'ip name lookup failed',
      'ip name possibly forged',
    ],
    source: 'Postfix 3.7: smtpd',
    example: ['rcpt', '450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]'],
  },
  {
    // Whatever else Postfix says of it, by a map or by the last rule of a list.
    name: 'address-refused',
    scope: 'network',
    words: ['client host rejected'],
    source: 'https://github.com/opendistro-for-elasticsearch/alerting/issues/329',
    example: ['rcpt', '554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied'],
  },
  {
    name: 'helo-refused',
    scope: 'network',
    words: ['helo command rejected', 'bogus helo name', 'helo denied', 'ehlo denied'],
    source: 'Haraka 3.3: connection.js',
    example: ['ehlo', '550 EHLO denied'],
  },
];
