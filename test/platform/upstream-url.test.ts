import { describe, expect, it } from 'vitest';
import { parseUpstreamUrl, upstreamUrls } from '../../src/platform/upstream-url.ts';

const DIALING = { caFile: null, sourceAddress: null, proxy: null, clientName: null };
const BASE = {
  kind: 'smtp',
  ...DIALING,
  ...{ auth: 'any', tokenFile: null, serverName: null },
  name: 'smtp.example.com',
  host: 'smtp.example.com',
  port: 25,
  user: null,
  password: null,
  tls: 'opportunistic',
  verifyCertificate: false,
  connections: 10,
  ratePerSecond: null,
  warmup: null,
  ownReturnPath: false,
};

const DIRECT = {
  kind: 'mx',
  ...DIALING,
  ...{
    name: 'mx',
    port: 25,
    tls: 'opportunistic',
    connectionsPerDomain: 5,
    connections: 100,
    ratePerSecond: null,
    warmup: null,
    ownReturnPath: false,
  },
  ...{ mtaSts: true, dane: 'auto', allowsPrivate: false },
};
const OUT = { sourceAddress: '192.0.2.1', clientName: 'out.example.com' };
const VERIFIED = { tls: 'verify', verifyCertificate: true, caFile: '/etc/ca.pem', serverName: 'mx.example.com' };
const TOKEN = { user: 'me', auth: 'xoauth2', tokenFile: '/run/token' };
const PROXY = { host: '192.0.2.9', port: 1081, user: 'u', password: 'p@' };
const LOCAL_PROXY = { host: '::1', port: 1080, user: null, password: null };
const INSIDE = { name: 'direct', allowsPrivate: true, sourceAddress: '192.0.2.1' };
const LOCAL = { connections: 10, ratePerSecond: null, warmup: null, ownReturnPath: false };

describe('the URL of an upstream', () => {
  it.each([
    ['smtp://smtp.example.com', {}],
    ['smtp://smtp.example.com:587', { port: 587 }],
    ['smtps://smtp.example.com', { port: 465, tls: 'implicit', verifyCertificate: true }],
    ['smtps://smtp.example.com?tls=required', { port: 465, tls: 'implicit', verifyCertificate: false }],
    ['smtp://smtp.example.com?tls=verify', { tls: 'verify', verifyCertificate: true }],
    ['smtp://smtp.example.com?tls=none', { tls: 'none' }],
    ['smtp://u%40x:p%3A%2F%2C@smtp.example.com', { user: 'u@x', password: 'p:/,' }],
    ['smtp://smtp.example.com?name=ses&rate=14/s&connections=3', { name: 'ses', ratePerSecond: 14, connections: 3 }],
    ['smtp://smtp.example.com?rate=120/m', { ratePerSecond: 2 }],
    ['smtp://smtp.example.com?warmup=2026-12-01:50', { warmup: { startsOn: '2026-12-01', limits: [50] } }],
    ['smtp://smtp.example.com?warmup=2028-02-29:50:1', { warmup: { startsOn: '2028-02-29', limits: [50, 1] } }],
    ['smtp://smtp.example.com?rate=1800/h', { ratePerSecond: 0.5 }],
    ['smtp://[::1]:25?name=six', { name: 'six', host: '::1' }],
    ['smtp://127.0.0.1', { name: '127.0.0.1', host: '127.0.0.1' }],
    ['smtp://smtp.example.com?source=192.0.2.1&ehlo=out.example.com', OUT],
    ['smtp://smtp.example.com?tls=verify&ca=/etc/ca.pem&servername=mx.example.com', VERIFIED],
    ['smtp://me@smtp.example.com?auth=xoauth2&token-file=/run/token', TOKEN],
    ['smtp://me:pw@smtp.example.com?auth=login', { user: 'me', password: 'pw', auth: 'login' }],
    ['smtp://smtp.example.com?proxy=socks5://u:p%2540@192.0.2.9:1081', { proxy: PROXY }],
    ['smtp://smtp.example.com?proxy=socks5://[::1]', { proxy: LOCAL_PROXY }],
  ])('%s', (url, expected) => expect(parseUpstreamUrl(url)).toEqual({ ...BASE, ...expected }));

  it.each([
    ['mx://', {}],
    ['mx://?port=2525&connections=2&total=20', { port: 2525, connectionsPerDomain: 2, connections: 20 }],
    ['mx://?tls=verify&mta-sts=off&dane=trust-ad', { tls: 'verify', mtaSts: false, dane: 'trust-ad' }],
    ['mx://?tls=none', { tls: 'none', mtaSts: false, dane: 'off' }],
    ['mx://?private=allow&source=192.0.2.1&name=direct', INSIDE],
  ])('%s', (url, expected) => expect(parseUpstreamUrl(url)).toEqual({ ...DIRECT, ...expected }));

  it.each([
    ['file:///var/mail/archive', { kind: 'file', name: 'file', directory: '/var/mail/archive', ...LOCAL }],
    ['file:///a%20b/?name=x&rate=2/s', { kind: 'file', name: 'x', directory: '/a b', ...LOCAL, ratePerSecond: 2 }],
    ['null://', { kind: 'null', name: 'null', ...LOCAL }],
    ['null://?name=drop', { kind: 'null', name: 'drop', ...LOCAL }],
  ])('%s', (url, expected) => expect(parseUpstreamUrl(url)).toEqual(expected));

  it.each([
    ['smtp.example.com:25', /URL|begin/],
    ['http://smtp.example.com', /smtp:\/\/ or smtps/],
    ['smtps://x?tls=none', /contradicts/],
    ['smtp://me@x?auth=xoauth2', /needs token-file=/],
    ['smtp://u@x?token-file=/t', /token-file, which only auth=xoauth2 reads/],
    ['smtp://x?auth=plain', /no user/],
    ['smtp://x?source=here', /source=here/],
    ['smtp://x?ehlo=a_b', /ehlo=a_b/],
    ['smtp://x?servername=-', /servername/],
    ['smtp://x?proxy=http://y', /proxy/],
    ['smtp://x?dane=off', /unknown parameter dane/],
    ['mx://example.com', /names a host/],
    ['mx://?port=0', /port/],
    ['mx://?dane=yes', /dane=yes/],
    ['file://tmp/x', /three slashes/],
    ['file:///', /no directory/],
    ['file:///a%2Fb', /no directory/],
    ['file:///a?tls=none', /unknown parameter tls/],
    ['null://x', /only parameters/],
    ['smtp://', /not a URL/],
    ['smtp://x?tsl=none', /unknown parameter tsl/],
    ['smtp://x?tls=maybe', /tls=maybe, which is not one of: none, opportunistic, required, verify$/],
    ['smtp://x?conections=3', /unknown parameter conections \(did you mean connections\? There are name, rate, /],
    ['smtp://x?rate=1/s&rate=2/s', /rate twice/],
    ['smtp://x/path', /a path, .* %2F/],
    ['smtp://x#frag', /a # .* %23/],
    ['smtp://x#', /a # .* %23/],
    ['mx://#x', /a # .* %23/],
    ['file:///a#b', /a # .* %23/],
    ['smtp://user:25#secret@smtp.example.com', /a # .* %23/],
    ['smtp://user:pa#secret@smtp.example.com', /not a URL; in user and password, .* # %23/],
    ['smtp://user:25/secret@smtp.example.com', /a path, .* %2F/],
    ['smtp://user:25?secret@smtp.example.com', /a \? .* %3F$/],
    ['smtp://user@x', /a user and no password/],
    ['smtp://user:@x', /a user and no password/],
    ['smtp://:pw@x', /a password and no user/],
    ['smtp://me:pw@x?auth=xoauth2&token-file=/t', /a password, and auth=xoauth2/],
    ['smtp://[::1]:4541', /needs a name .* \[::1\] is none \(example: name=main\)/],
    ['smtp://x?connections=0', /connections/],
    ['smtp://x?connections=1.5', /connections/],
    ['smtp://x?rate=14', /rate/],
    ['smtp://x?warmup=2026-12-01', /warmup/],
    ['smtp://x?warmup=2026-12-01:0', /warmup/],
    ['smtp://x?warmup=2026-02-29:50', /warmup/],
    ['smtp://x?warmup=2026-13-01:50', /warmup/],
    ['smtp://x?warmup=50:100', /warmup/],
    ['smtp://x?warmup=2026-12-01:50:', /warmup/],
    ['smtp://x?rate=0/s', /rate/],
    ['smtp://x?name=a b', /name/],
    ['smtp://u%:p@x', /.+/],
  ])('%s is refused', (url, problem) => expect(parseUpstreamUrl(url)).toMatch(problem));

  it('stands in a list, in order; names are not given twice; passwords are not repeated in complaints', () => {
    expect(upstreamUrls.parse('smtp://a, smtp://b?name=two').map(({ name }) => name)).toEqual(['a', 'two']);
    const { error } = upstreamUrls.safeParse(
      'smtp://a,smtp://a:26,ftp://u:hunter2@b,smtp://u:hunter2@c?x=1,smtp://d?proxy=socks5://u:hunter2@e&x=1',
    );
    expect(error!.issues.map(issue => issue.message)).toEqual([
      'name a stands twice: name=… tells them apart',
      'ftp://…@b does not begin with smtp:// or smtps://, mx://, file:// or null://',
      expect.stringMatching(/^smtp:\/\/…@c\?x=1 has an unknown parameter x \(there are name, rate, /),
      expect.not.stringContaining('hunter2'),
    ]);
  });

  it.each([
    'smtp://user:25#hunter2@x',
    'smtp://user:hun#ter2@x',
    'smtp://user:25/hunter2@x',
    'smtp://user:25?hunter2@x',
    'smtp://user:hunter2,@x',
    'smtp://user:25,hunter2@x',
    'smtp://user:hunter2',
  ])('%s: no part of a password is repeated in the complaint', url => {
    const { error } = upstreamUrls.safeParse(url);
    expect(error!.issues.map(issue => issue.message).join('\n')).not.toMatch(/hun|ter2/);
  });
});
