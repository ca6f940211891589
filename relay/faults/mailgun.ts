// Mailgun, as an upstream. It says much with 421 that is not about the connection.
import type { Fault } from './fault.ts';

export const mailgunFaults: readonly Fault[] = [
  {
    name: 'mailgun-probation',
    scope: 'upstream',
    opens: true,
    words: ['your account is on probation'],
    source: 'https://github.com/pivorakmeetup/pivorak-web-app/issues/711',
    example: [
      'final',
      '554 Your account is on probation and domains are limited to 100 messages / hour. Account will be enabled in 341 seconds',
    ],
  },
  {
    name: 'mailgun-not-activated',
    scope: 'upstream',
    opens: true,
    words: ['please activate your mailgun account'],
    source: 'https://github.com/Monstarrrr/rebutify/issues/162',
    example: [
      'data',
      '421 Domain sandbox.mailgun.org is not allowed to send: Please activate your Mailgun account. Check your inbox or log in to your control panel to resend the activation email.',
    ],
  },
  {
    // Of the domain, with the recipients that it may write to: others may pass.
    name: 'mailgun-sandbox',
    scope: 'upstream',
    words: ['sandbox subdomains are for test purposes only'],
    source: 'https://github.com/swapmyvote/swapmyvote/issues/891',
    example: [
      'data',
      '421 Domain app7957d1f9157248c0963145da35aa903b.mailgun.org is not allowed to send: Sandbox subdomains are for test purposes only. Please add your own domain or add the address to authorized recipients in Account Settings.',
    ],
  },
  {
    name: 'mailgun-login-refused',
    scope: 'upstream',
    words: ['mailgun is not loving your login'],
    source: 'https://github.com/pivorakmeetup/pivorak-web-app/issues/712',
    example: ['auth', '535 5.7.0 Mailgun is not loving your login or password'],
  },
];
