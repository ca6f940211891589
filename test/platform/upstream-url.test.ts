import { describe, expect, it } from 'vitest';
import { parseUpstreamUrl, upstreamUrls } from '../../src/platform/upstream-url.ts';

const BASE = {
  name: 'smtp.example.com',
  host: 'smtp.example.com',
  port: 25,
  user: null,
  password: null,
  tls: 'opportunistic',
  verifyCertificate: false,
  connections: 10,
  ratePerSecond: null,
  ownReturnPath: false,
};

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
    ['smtp://smtp.example.com?rate=1800/h', { ratePerSecond: 0.5 }],
    ['smtp://[::1]:25?name=six', { name: 'six', host: '::1' }],
    ['smtp://127.0.0.1', { name: '127.0.0.1', host: '127.0.0.1' }],
  ])('%s', (url, expected) => expect(parseUpstreamUrl(url)).toEqual({ ...BASE, ...expected }));

  it.each([
    ['smtp.example.com:25', /URL|begin/],
    ['http://smtp.example.com', /smtp:\/\/ or smtps/],
    ['smtp://', /not a URL/],
    ['smtp://x?tsl=none', /unknown parameter tsl/],
    ['smtp://x?tls=maybe', /tls=maybe/],
    ['smtp://x?connections=0', /connections/],
    ['smtp://x?connections=1.5', /connections/],
    ['smtp://x?rate=14', /rate/],
    ['smtp://x?rate=0/s', /rate/],
    ['smtp://x?name=a b', /name/],
    ['smtp://u%:p@x', /.+/],
  ])('%s is refused', (url, problem) => expect(parseUpstreamUrl(url)).toMatch(problem));

  it('stands in a list, in order; names are not given twice; passwords are not repeated in complaints', () => {
    expect(upstreamUrls.parse('smtp://a, smtp://b?name=two').map(({ name }) => name)).toEqual(['a', 'two']);
    const { error } = upstreamUrls.safeParse('smtp://a,smtp://a:26,ftp://u:hunter2@b,smtp://u:hunter2@c?x=1');
    expect(error!.issues.map(issue => issue.message)).toEqual([
      'name a stands twice',
      'ftp://…@b does not begin with smtp:// or smtps://',
      'smtp://…@c?x=1 has an unknown parameter x',
    ]);
  });
});
