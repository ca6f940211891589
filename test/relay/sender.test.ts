import { describe, expect, it } from 'vitest';
import { maySendAs, objectToAuthor } from '../../relay/sender.ts';
import type { Address } from '../../src/mail/address.ts';
import { scanHeader } from '../../src/mail/header.ts';
import type { Identity } from '../../src/mail/submission.ts';
import { IDENTITY } from '../support/identity.ts';

const identity = (...fromDomains: string[]): Identity => ({ ...IDENTITY, credentialName: 'shop', fromDomains });

describe('the envelope sender', () => {
  it.each([
    ['anybody, for a credential without domains', [], 'a@x.example', true],
    ['its domain', ['x.example'], 'a@x.example', true],
    ['its domain as a U-label', ['xn--bcher-kva.example'], 'a@bücher.example', true],
    ['its domain as an A-label', ['bücher.example'], 'a@xn--bcher-kva.example', true],
    ['its domain in other letters', ['X.Example'], 'A@x.EXAMPLE', true],
    ['a domain below it', ['x.example'], 'a@mail.x.example', false],
    ['another domain', ['x.example'], 'a@y.example', false],
    ['a whole address', ['a@x.example'], 'A@x.example', true],
    ['its neighbour', ['a@x.example'], 'b@x.example', false],
    ['the null reverse-path', ['x.example'], null, true],
  ])('%s', (_name, domains, address, expected) => {
    expect(maySendAs(identity(...domains), address as Address | null)).toBe(expected);
  });
});

describe('the author that the reader sees', () => {
  const object = (header: string, ...domains: string[]) => {
    const content = Buffer.from(`${header}\r\n\r\nText\r\n`);
    return objectToAuthor(identity(...domains), content, scanHeader(content));
  };

  it.each([
    ['its own address', 'From: Shop <a@x.example>'],
    ['a folded one', 'From: Shop\r\n <a@x.example>'],
    ['a space before the colon', 'From : a@x.example'],
    ['its address as its own name', 'From: a@x.example <a@x.example>'],
    ['any name in quotes', 'From: "b@y.example" <a@x.example>'],
    ['any name that is encoded', 'From: =?utf-8?q?b=40y=2Eexample?= <a@x.example>'],
    ['its own address, encoded in brackets', 'From: =?utf-8?q?=3CA=40x=2Eexample=3E?= <a@x.example>'],
    ['a name in a charset that nobody knows', 'From: =?x-odd?q?Ann?= <a@x.example>'],
    ['with a Sender of its own', 'From: a@x.example\r\nSender: b@x.example'],
  ])('takes %s', (_name, header) => {
    expect(object(header, 'x.example')).toBeNull();
  });

  it.each([
    ['a stranger', 'From: a@y.example', 'From <a@y.example> not authorised for credential shop'],
    [
      'a stranger beside its own',
      'From: a@x.example, b@y.example',
      'From <b@y.example> not authorised for credential shop',
    ],
    ['a stranger in a group', 'From: G: b@y.example;', 'From <b@y.example> not authorised for credential shop'],
    [
      'a stranger as Sender',
      'From: a@x.example\r\nSender: b@y.example',
      'Sender <b@y.example> not authorised for credential shop',
    ],
    ['two From fields', 'From: a@x.example\r\nfrom: a@x.example', 'More than one From field'],
    ['none', 'Subject: hello', 'No From field'],
    ['an empty one', 'From: ', 'From field is not a list of addresses'],
    ['one that nobody understands', 'From: <@y.example:a@x.example>', 'From field is not a list of addresses'],
    [
      'one behind a line that is no field',
      'From: a@x.example\r\n???\r\nFrom: b@y.example',
      'Header has a line that is no field',
    ],
    ['one too long to see its end', `From: ${'a@x.example, '.repeat(900)}b@y.example`, 'From field is too long'],
  ])('refuses %s', (_name, header, expected) => {
    expect(object(header, 'x.example')).toBe(expected);
  });

  it.each([
    ['without quotes', 'From: ceo@y.example <a@x.example>'],
    ['among other words', 'From: ceo@y.example via Shop <a@x.example>'],
    ['beside a quoted one', 'From: "Shop" ceo@y.example <a@x.example>'],
    ['as the name of a group', 'From: ceo@y.example: a@x.example;'],
    ['encoded, in brackets', 'From: =?utf-8?b?PGNlb0B5LmV4YW1wbGU+?= <a@x.example>'],
    ['encoded, before a line end', 'From: =?utf-8?q?ceo=40y=2Eexample=0A?= <a@x.example>'],
    ['encoded, before a NUL', 'From: =?utf-8?q?ceo=40y=2Eexample=00?= <a@x.example>'],
  ])('refuses an address in the place of a name, %s', (_name, header) => {
    expect(object(header, 'x.example')).toBe('From field has a name that some readers take for an address');
    expect(object(header)).toBeNull();
  });

  it.each(['=?utf-8?q?ceo=40y=2Eexample=00?=@x.example', '"=?utf-8?b?Y2Vv?="@x.example'])(
    'refuses encoded words in an address (RFC 2047 section 5): %s',
    address => {
      expect(object(`From: ${address}`, 'x.example')).toBe('From field is not a list of addresses');
      expect(object(`From: Ann <${address}>`, 'x.example')).toBe('From field is not a list of addresses');
    },
  );

  it('refuses two From fields of anybody, and asks nothing else of a credential without domains', () => {
    expect(object('From: a@x.example\r\nFrom: b@y.example')).toBe('More than one From field');
    expect(object('Subject: hello')).toBeNull();
  });
});
