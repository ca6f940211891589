// Apple, as the recipient's server and as an upstream (smtp.mail.me.com).
import { CONTENT, type Fault } from './fault.ts';

const SMTP_CODES = 'https://smtp.codes/icloud';

export const appleFaults: readonly Fault[] = [
  {
    // The whole host would seem to go away, by its 421.
    name: 'apple-recipient-volume',
    scope: 'recipient',
    permanent: false,
    words: ['deferred due to excessive volume'],
    source: SMTP_CODES,
    example: [
      'rcpt',
      '421 4.7.1 Messages to example@icloud.com deferred due to excessive volume. Try again later - https://support.apple.com/en-us/HT204137',
    ],
  },
  {
    name: 'apple-local-policy',
    scope: 'message',
    stages: CONTENT,
    permanent: true,
    words: ['message rejected due to local policy'],
    source: SMTP_CODES,
    example: [
      'final',
      '554 5.7.1 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137',
    ],
  },
  {
    name: 'apple-listed-link',
    scope: 'message',
    stages: CONTENT,
    permanent: true,
    words: ['having a domain present in the spamhaus dbl'],
    source: SMTP_CODES,
    example: [
      'final',
      '550 5.7.1 Your email was rejected due to having a domain present in the Spamhaus DBL -- see https://www.spamhaus.org/dbl/',
    ],
  },
  {
    name: 'apple-from-not-own',
    scope: 'sender',
    permanent: true,
    words: ['from address is not one of your addresses'],
    source: 'https://github.com/TryGhost/Ghost/issues/24100',
    example: ['mail', '550 5.7.0 From address is not one of your addresses.'],
  },
];
