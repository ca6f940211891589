// Replies that look like something that they are not. Wrong on the left costs mail: a circuit opened by a recipient's
// trouble, a message given up for the upstream's.
import { describe, expect, it } from 'vitest';
import { judgeReply } from '../../../relay/faults/judge.ts';
import type { Provider } from '../../../src/mail/provider.ts';
import type { Scope, Stage } from '../../../src/mail/upstream.ts';
import { replyOf } from './said.ts';

const USER_UNKNOWN = [
  '550 5.1.1 <x@example.net>: Recipient address rejected: User unknown; see http://www.spamcop.net/help',
  '550 5.1.1 User unknown; not blocked, see http://www.spamcop.net/bl.shtml?192.0.2.1',
  '550 5.1.1 No such user; our SPF is explained at http://www.openspf.org/',
  '550 5.1.1 User unknown (client host rejected: no)',
  '554 5.3.0 User unknown',
  '554 5.3.0 <x@example.net>... No such user: mail system error',
  '503 5.5.1 User unknown',
  '500 Mailbox not found',
  '550 5.1.1 User unknown. Server does not accept mail for it',
  '550 5.4.1 Recipient address rejected: Access denied',
];

describe('a reply is not mistaken', () => {
  it.each<[string, Stage, string, Scope]>([
    ['addresses are no reasons', 'rcpt', '550 5.1.1 <dmarc@example.com>: User unknown', 'recipient'],
    ['addresses are no reasons', 'final', '550 5.6.0 <billing@example.net> does not like it', 'message'],
    ['addresses are no reasons', 'mail', '452 4.2.0 <spam@example.com> not now', 'upstream'],
    [
      "the recipient's account, not ours",
      'rcpt',
      '550 Local mailbox x is unavailable: account is disabled',
      'recipient',
    ],
    [
      "the recipient's account, not ours",
      'final',
      '550 5.2.1 The email account that you tried to reach is disabled.',
      'recipient',
    ],
    [
      "the recipient's account, not ours",
      'rcpt',
      '550 5.5.0 Le compte du destinataire est bloque. The recipient account is blocked.',
      'recipient',
    ],
    ["the recipient's quota, not ours", 'rcpt', '552 5.2.2 user quota exceeded (UserSearch)', 'recipient'],
    [
      'our own mailbox, not the recipient’s',
      'final',
      '554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded',
      'upstream',
    ],
    [
      'links in it, not our address',
      'final',
      '550 5.7.1 Your email was rejected due to having a domain present in the Spamhaus DBL',
      'message',
    ],
    [
      'our domain, not our address',
      'rcpt',
      '550 5.7.1 Service unavailable, MailFrom domain is listed in Spamhaus',
      'sender',
    ],
    [
      'the sender does not exist, not the recipient',
      'mail',
      '553 5.1.8 <a@x.example>... Domain of sender address a@x.example does not exist',
      'sender',
    ],
    ['the sender, not the relaying', 'final', '553 Relaying disallowed as a@x.example', 'sender'],
    [
      'a temporary failure to look DMARC up',
      'rcpt',
      '450 4.4.0 <email@example.com> Temporary DMARC DNS lookup failure (G1E)',
      'recipient',
    ],
    [
      'a login that is wanted, not an unauthenticated sender',
      'mail',
      '550 Unauthenticated senders not allowed',
      'upstream',
    ],
    [
      'one recipient is busy: the host does not go away',
      'rcpt',
      '421 4.7.1 Messages to example@icloud.com deferred due to excessive volume.',
      'recipient',
    ],
    ['too many for one transaction, not too many mails', 'rcpt', '452 4.5.3 Error: too many recipients', 'recipient'],
    [
      'too many from us, not too many for one transaction',
      'rcpt',
      '450 4.7.1 Error: too many recipients from 192.0.2.1',
      'upstream',
    ],
    ...USER_UNKNOWN.map((said): [string, Stage, string, Scope] => [
      'nobody there, whatever else it names',
      'rcpt',
      said,
      'recipient',
    ]),
    [
      'a link about an address, by its page',
      'rcpt',
      '550 5.7.1 Rejected, look at http://www.openspf.org/why.html?sender=a@example.com&ip=192.0.2.1',
      'sender',
    ],
    ['an address that looks like a link', 'rcpt', '550 5.1.1 <http://dmarc?x@example.com> not here', 'recipient'],
    ['one is asked to wait', 'rcpt', '450 4.7.1 <mx[192.0.2.1]>: Client host rejected: Greylisted', 'recipient'],
    [
      'the sender, not the client',
      'rcpt',
      '554 5.7.1 <a@example.com>: Sender address rejected: Access denied',
      'sender',
    ],
    ['the recipient, not the client', 'rcpt', '554 5.7.1 <x@example.net>: Recipient address rejected: no', 'recipient'],
    ['what an access map says, not the mail system', 'rcpt', '553 5.3.0 <x@example.net>... Go away', 'recipient'],
    ['what an access map says, not the mail system', 'rcpt', '550 5.3.0 Rejected', 'recipient'],
    ['what an access map says, not the mail system', 'mail', '553 5.3.0 <a@example.com>... Stop spamming us', 'sender'],
    ['an odd code, not a lost thread', 'rcpt', '500 5.7.1 Symantec Zodiac', 'recipient'],
    ['an address that it cannot parse', 'rcpt', '501 5.5.2 Syntax error in parameters or arguments', 'recipient'],
    [
      'an address that it cannot parse',
      'rcpt',
      '504 5.5.2 <x>: Recipient address rejected: need fully-qualified address',
      'recipient',
    ],
    ['the message, not a lost thread', 'final', '500 Line too long', 'message'],
    ['the message, not a lost thread', 'final', '503 5.5.1 no', 'message'],
    ['a login that is too weak, not Yahoo’s policy', 'mail', '534 5.7.9 Mechanism is too weak', 'upstream'],
    ['our login, not that of a group’s members', 'rcpt', '530 5.7.1 Authentication required', 'upstream'],
    [
      'their forwarding, not our address',
      'rcpt',
      '550 5.7.520 Access denied, Your organization does not allow external forwarding.',
      'recipient',
    ],
    ['not on the suppression list of SES', 'final', '554 Sender address blacklisted', 'message'],
  ])('%s, at %s: %s', (_why, stage, said, scope) => {
    const verdict = judgeReply(stage, replyOf(said), null);
    expect(verdict.scope).toBe(scope);
    if (scope !== 'upstream') expect(verdict.opens).toBe(false);
  });

  it.each<[Provider | null, Scope]>([
    ['ses', 'upstream'],
    [null, 'message'],
    ['google', 'message'],
  ])('the words of one provider are not those of another: %s', (provider, scope) => {
    expect(judgeReply('final', replyOf('454 Temporary service failure'), provider).scope).toBe(scope);
  });
});

describe('a circuit is not opened at once by', () => {
  it.each<[Stage, string]>([
    ['rcpt', '550 5.7.1 Your account has been suspended'],
    ['rcpt', '552 5.2.2 Quota exceeded'],
    ['final', '454 Throttling failure: Maximum sending rate exceeded'],
    ['final', '550 5.2.1 account suspended'],
    ['rcpt', '554 5.7.1 <x@example.net>: Relay access denied'],
    ['rcpt', '550 5.1.1 <sending-paused@example.com>: User unknown'],
  ])('%s: %s', (stage, said) => {
    expect(judgeReply(stage, replyOf(said), null).opens).toBe(false);
  });
});

describe('what is not known', () => {
  it.each<[Stage, string, Scope]>([
    ['rcpt', '550 5.0.0 tlhIngan Hol', 'recipient'],
    ['rcpt', '450 tlhIngan Hol', 'recipient'],
    ['mail', '550 tlhIngan Hol', 'sender'],
    ['mail', '450 tlhIngan Hol', 'upstream'],
    ['data', '550 tlhIngan Hol', 'message'],
    ['data', '450 tlhIngan Hol', 'upstream'],
    ['final', '550 tlhIngan Hol', 'message'],
    ['final', '450 tlhIngan Hol', 'message'],
    ['mail', '421 tlhIngan Hol', 'upstream'],
  ])('at %s, %s, is read by code and stage', (stage, said, scope) => {
    expect(judgeReply(stage, replyOf(said), null)).toMatchObject({ scope, opens: false });
  });

  it('takes no longer than its text is long', () => {
    const hostile = [
      'try again in '.repeat(5_000),
      '@'.repeat(65_000),
      'a'.repeat(65_000),
      'all messages from '.repeat(4_000),
    ];
    for (const text of hostile) {
      const verdict = judgeReply('final', { code: 550, enhanced: null, text }, null);
      expect(verdict).toMatchObject({ scope: 'message', retryAfterMs: null });
    }
  });
});
