// The sender: an address that is not ours to use, and what SPF, DKIM and DMARC say of its domain. Refused for good, it is
// refused everywhere until somebody mends it; only where the words say "temporary" may it be the DNS.
import { type Fault, TRANSACTION } from './fault.ts';

export const senderFaults: readonly Fault[] = [
  {
    name: 'sender-not-owned',
    scope: 'sender',
    permanent: true,
    words: [
      'not owned by user',
      'not owned by auth user',
      'must be same as authorization user',
      'send as this sender',
      "doesn't match auth domain",
      'from/sender name is not valid',
      'forged sender address',
      'spoofed mail from',
    ],
    source: 'https://github.com/splitbrain/dokuwiki-plugin-smtp/issues/38',
    example: ['mail', '553 5.7.1 Sender address rejected: not owned by auth user.'],
  },
  {
    name: 'sender-not-verified',
    scope: 'sender',
    permanent: true,
    words: [
      'email address is not verified',
      'sender not verified',
      'domain not verified',
      'verified sender',
      'is not a sender signature',
      'from address is not',
      'sender not allowed',
      'sender verify failed',
      'sender verification failed',
    ],
    source: 'https://smtp.codes/mxroute',
    example: ['rcpt', '550 Sender verify failed'],
  },
  {
    name: 'sender-domain-not-found',
    scope: 'sender',
    words: [
      'sender address rejected: domain not found',
      'domain of sender address',
      'could not resolve sender domain',
      'valid mx for sender domain',
      'unresolvable rfc.5321 from domain',
    ],
    source: 'Sendmail 8.17: proto.m4',
    example: [
      'mail',
      '553 5.1.8 <httpd@host1.mx.example.jp>... Domain of sender address httpd@host1.mx.example.jp does not exist',
    ],
  },
  {
    name: 'spf-dkim-dmarc',
    scope: 'sender',
    permanent: true,
    words: [
      'dmarc',
      'dkim',
      'spf check',
      'spf-check',
      'spf fail',
      'spf policy',
      'spf record',
      'spf sender invalid',
      '[spf]',
      'not allowed to send mail from',
    ],
    source: 'https://smtp.codes/zoho',
    example: ['final', '550 5.7.1 Email rejected per DMARC policy for example.com'],
  },
  {
    // Where SPF is explained: some say no more than that.
    name: 'spf-explained-there',
    scope: 'sender',
    permanent: true,
    words: ['openspf.org/why', 'openspf.net/why', 'open-spf.org/why', 'spf.pobox.com/why'],
    source: 'https://github.com/jcbf/smf-spf/issues/93',
    example: [
      'rcpt',
      '550 5.7.23 Rejected, look at http://www.openspf.org/why.html?sender=a%40example.com&ip=192.0.2.1&receiver=mx.example.net',
    ],
  },
  {
    // Mimecast: from outside, in the name of somebody inside.
    name: 'spoofing-suspected',
    scope: 'sender',
    permanent: true,
    words: ['anti-spoofing policy'],
    source:
      'https://www.suped.com/learn/dmarc/why-are-emails-bouncing-with-mimecast-anti-spoofing-policy-and-how-to-fix',
    example: ['final', '550 Rejected by header based Anti-Spoofing policy'],
  },
  {
    // RFC 7372, RFC 7489 and Gmail's; x.7.25 (PTR) is about where it comes from.
    name: 'sender-by-code',
    scope: 'sender',
    permanent: true,
    enhanced: ['7.20', '7.21', '7.22', '7.23', '7.24', '7.26', '7.27', '7.30', '7.32', '7.40', '1.7', '1.8'],
    source: 'https://github.com/sisimai/set-of-emails',
    example: ['mail', '501 5.1.8 Sender address rejected'],
  },
  {
    name: 'sender-domain-listed',
    scope: 'sender',
    permanent: true,
    stages: TRANSACTION,
    words: [
      'sender domain is listed',
      'mailfrom domain is listed',
      'in my badmailfrom list',
      'sender envelope address…is locally blacklisted',
    ],
    source: 'qmail 1.03: qmail-smtpd',
    example: ['mail', '553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)'],
  },
  {
    name: 'sender-refused',
    scope: 'sender',
    permanent: true,
    words: ['sender address rejected', 'sender rejected', 'sender id not', 'invalid sender', '[abuse] sender blocked'],
    source: 'https://github.com/thunderbird/thunderbird-android/issues/938',
    example: ['mail', '550 5.5.0 Emetteur invalide. Invalid Sender. LPN104_415'],
  },
];
