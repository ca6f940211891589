import { describe, expect, it } from 'vitest';
import { mailboxUrls, parseMailboxUrl } from '../../src/platform/mailbox-url.ts';

const DEFAULTS = {
  name: 'bounces@imap.example.com/INBOX',
  host: 'imap.example.com',
  port: 993,
  user: 'bounces',
  login: { kind: 'password', password: 'secret' },
  folder: 'INBOX',
  tls: 'implicit',
  verifyCertificate: true,
  filing: { kind: 'move', folder: 'Processed' },
  everyMs: 60_000,
};

describe('a mailbox', () => {
  it.each([
    ['imaps://bounces:secret@imap.example.com', {}],
    ['imaps://bounces:secret@imap.example.com/INBOX', {}],
    ['imap://bounces:secret@imap.example.com', { port: 143, tls: 'starttls' }],
    [
      'imap://bounces:secret@imap.example.com?tls=none&every=5s',
      { port: 143, tls: 'none', verifyCertificate: false, everyMs: 5_000 },
    ],
    ['imaps://bounces:secret@imap.example.com:1993?tls=required', { port: 1993, verifyCertificate: false }],
    ['imaps://bounces:secret@imap.example.com?folder=Done', { filing: { kind: 'move', folder: 'Done' } }],
    ['imaps://bounces:secret@imap.example.com?then=flag', { filing: { kind: 'flag' } }],
    ['imaps://bounces:secret@imap.example.com?then=delete&name=main', { filing: { kind: 'delete' }, name: 'main' }],
    [
      'imaps://bounces@imap.example.com/Returned%20mail?auth=xoauth2&tokenFile=/run/token',
      {
        name: 'bounces@imap.example.com/Returned mail',
        folder: 'Returned mail',
        login: { kind: 'xoauth2', tokenFile: '/run/token' },
      },
    ],
    [
      'imaps://b%40example.com:p%2Fw%2C@imap.example.com',
      {
        name: 'b@example.com@imap.example.com/INBOX',
        user: 'b@example.com',
        login: { kind: 'password', password: 'p/w,' },
      },
    ],
  ])('%s', (url, changes) => {
    expect(parseMailboxUrl(url)).toEqual({ ...DEFAULTS, ...changes });
  });

  it.each([
    ['imap.example.com', 'is not a URL'],
    ['pop3://a:b@c', 'does not begin with imap:// or imaps://'],
    ['imaps://a:b@c?colour=red', 'has an unknown parameter colour'],
    ['imaps://a:b@c?tls=maybe', 'has tls=maybe, which is none of verify, required, none'],
    ['imaps://a:b@c?tls=none', 'has tls=none, and imaps:// is TLS'],
    ['imaps://a:b@c?then=burn', 'has then=burn, which is none of move, flag, delete'],
    ['imaps://a:b@c?every=1ms', 'has an every outside 1s-1h'],
    ['imaps://a:25#b@c', 'has a # that is not written as %23'],
    ['imaps://c', 'names no user'],
    ['imaps://a@c', 'has no password'],
    ['imaps://a@c?auth=xoauth2', 'has auth=xoauth2 without tokenFile=/path/of/an/access/token'],
    ['imaps://a:b%zz@c', 'has a % that is not written as %25'],
  ])('%s is wrong', (url, why) => {
    expect(parseMailboxUrl(url)).toBe(why);
  });

  it('stands in the list once, and its password in no complaint', () => {
    const twice = mailboxUrls.safeParse('imaps://a:secret@c,imaps://a:secret@c');
    expect(twice.error?.issues[0]?.message).toBe('a@c/INBOX stands twice');
    const wrong = mailboxUrls.safeParse('imaps://a:secret@c?x=1');
    expect(wrong.error?.issues[0]?.message).toBe('imaps://…@c?x=1 has an unknown parameter x');
  });
});
