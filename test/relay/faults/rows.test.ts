// The table of faults holds together: each row is reached by the reply that it was written for.
import { describe, expect, it } from 'vitest';
import { findFault, judgeReply } from '../../../relay/faults/judge.ts';
import { FAMILIES, FAULTS } from '../../../relay/faults/table.ts';
import type { Stage } from '../../../src/mail/upstream.ts';
import { replyOf } from './said.ts';

describe.each(Object.entries(FAMILIES))('%s', (_family, faults) => {
  it.each(faults.map(fault => [fault.name, fault] as const))('%s has what its example says', (name, fault) => {
    const [stage, said] = fault.example;
    expect(findFault(stage, replyOf(said), fault.provider ?? null).name).toBe(name);
    expect(judgeReply(stage, replyOf(said), fault.provider ?? null)).toMatchObject({
      scope: fault.scope,
      rule: name,
      opens: fault.opens ?? false,
    });
  });
});

describe('the table of faults', () => {
  it('gives each name once, as a word that can stand in a log', () => {
    const names = FAULTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter(name => !/^[a-z0-9-]+$/.test(name))).toEqual([]);
  });

  it('says of each row where its example was seen', () => {
    expect(FAULTS.filter(({ source }) => !/^(https:\/\/\S+|[A-Za-z][\w ]+ [\d.]+(: \S+)?)$/.test(source))).toEqual([]);
  });

  it('compares in lower case', () => {
    const words = FAULTS.flatMap(fault => fault.words ?? []);
    expect(words.filter(word => word !== word.toLowerCase() || word.includes('@'))).toEqual([]);
  });

  it('opens circuits only for what is the upstream’s', () => {
    expect(FAULTS.filter(({ opens, scope }) => opens && scope !== 'upstream')).toEqual([]);
  });

  it.each<[Stage, string, boolean]>([
    [
      'final',
      '421 4.7.28 Gmail has detected an unusual rate of unsolicited email originating from your IP address',
      true,
    ],
    [
      'final',
      '550 5.7.28 Gmail has detected an unusual rate of unsolicited email originating from your IP address',
      false,
    ],
    ['mail', '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume', true],
    ['mail', '451 4.7.500 Server busy. Please try again later from [192.0.2.1].', true],
    ['final', '454 Throttling failure: Maximum sending rate exceeded', true],
    ['mail', '550 Too many messages. Try again in 92 seconds.', true],
    ['banner', '421 Too many concurrent SMTP connections; please try again later.', true],
    ['rcpt', '421 4.3.2 closing', true],
    ['data', '451 4.7.1 Try again later', true],
    ['mail', '452 4.4.5 too much mail', true],
    // Of one mailbox, of one message, of the disk, or for good: being slower would help nobody.
    ['rcpt', '450 4.2.1 The user you are trying to contact is receiving email too quickly.', false],
    ['rcpt', '451 4.7.1 Greylisted for 5 minutes', false],
    ['rcpt', '452 4.2.2 mailbox full', false],
    ['mail', '452 4.3.1 Insufficient system storage', false],
    ['final', '554 5.7.1 spam', false],
    ['final', '454 Throttling failure: Daily message quota exceeded', false],
  ])('hears at %s whether "%s" asks us to be slower: %s', (stage, said, slows) => {
    expect(judgeReply(stage, replyOf(said), null).slows).toBe(slows);
  });

  it('has an answer for any code at any stage', () => {
    for (const stage of [
      'connect',
      'tls',
      'banner',
      'ehlo',
      'auth',
      'mail',
      'rcpt',
      'data',
      'content',
      'final',
    ] as const) {
      for (let code = 400; code < 600; code += 1) {
        expect(judgeReply(stage, replyOf(`${code} ?`), null).rule).not.toBe('');
      }
    }
  });
});
