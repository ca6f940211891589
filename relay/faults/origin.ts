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
    name: 'helo-refused',
    scope: 'network',
    words: ['helo command rejected', 'bogus helo name', 'helo denied', 'ehlo denied'],
    source: 'Haraka 3.3: connection.js',
    example: ['ehlo', '550 EHLO denied'],
  },
];
