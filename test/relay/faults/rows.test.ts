// The table of faults holds together: each row is reached by the reply that it was written for.
import { describe, expect, it } from 'vitest';
import { findFault, judgeReply } from '../../../relay/faults/judge.ts';
import { FAMILIES, FAULTS } from '../../../relay/faults/table.ts';
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
