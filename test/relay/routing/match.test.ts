// Which rule is for a message.
import { describe, expect, it } from 'vitest';
import { fits, type MessageFacts, senderDomains } from '../../../relay/routing/match.ts';
import { routeWhen } from '../../../src/platform/route-rules.ts';

const MESSAGE: MessageFacts = {
  ...{ tenantId: 'default', credentialName: 'shop', stream: 'transactional', tags: ['otp', 'de'] },
  ...{ reversePath: 'bounces@mail.example.com', headerFrom: 'Shop <shop@Example.com>' },
};

describe('a rule fits', () => {
  it.each<[string, object, boolean]>([
    ['everything, when it asks for nothing', {}, true],
    ['its credential', { credential: 'shop' }, true],
    ['one of its credentials', { credential: ['other', 'shop'] }, true],
    ['no other credential', { credential: 'Shop' }, false],
    ['its tenant', { tenant: 'default' }, true],
    ['no other tenant', { tenant: 'other' }, false],
    ['its stream', { stream: 'transactional' }, true],
    ['not the other stream', { stream: 'bulk' }, false],
    ['one of its tags', { tag: ['newsletter', 'otp'] }, true],
    ['no message without its tags', { tag: 'newsletter' }, false],
    ['the domain of the From field, however it is written', { 'sender-domain': 'EXAMPLE.com' }, true],
    ['not that of the envelope, where there is a From field', { 'sender-domain': 'mail.example.com' }, false],
    ['no subdomain that it does not name', { 'sender-domain': '*.example.com' }, false],
    ["the recipient's domain", { 'recipient-domain': 'example.net' }, true],
    ['a domain below', { 'recipient-domain': '*.net' }, true],
    ['no domain that merely ends alike', { 'recipient-domain': 'ample.net' }, false],
    ['what all of it is true of', { stream: 'transactional', tag: 'de', 'recipient-domain': 'example.net' }, true],
    ['nothing that one of it is not true of', { stream: 'transactional', tag: 'fr' }, false],
  ])('%s', (_, when, expected) => {
    expect(fits(routeWhen.parse(when), MESSAGE, 'friend@Example.NET')).toBe(expected);
  });

  it('an IDN in either spelling', () => {
    const when = routeWhen.parse({ 'recipient-domain': 'bücher.example' });
    expect(fits(when, MESSAGE, 'a@xn--bcher-kva.example')).toBe(true);
    expect(fits(when, MESSAGE, 'a@bücher.example')).toBe(true);
  });
});

describe('the sender is', () => {
  it.each<[string, Partial<MessageFacts>, string[]]>([
    [
      'each address of the From field',
      { headerFrom: 'a@one.example, B <b@two.example>' },
      ['one.example', 'two.example'],
    ],
    ['the envelope sender without a From field', { headerFrom: null }, ['mail.example.com']],
    ['the envelope sender where the field is none', { headerFrom: 'not an address' }, ['mail.example.com']],
    ['nobody where neither is there', { headerFrom: null, reversePath: null }, []],
  ])('%s', (_, facts, expected) => {
    expect(senderDomains({ ...MESSAGE, ...facts })).toEqual(expected);
  });
});
