// What receivers will make of it: every way to pass DMARC, every way not to, and what is not known.
import { describe, expect, it } from 'vitest';
import type { DomainPolicy } from '../../../relay/authentication/domain-records.ts';
import { type Evidence, predict } from '../../../relay/authentication/prediction.ts';

const REJECT: DomainPolicy = { kind: 'published', policy: 'reject', dkim: 'relaxed', spf: 'relaxed' };
const STRICT: DomainPolicy = { ...REJECT, dkim: 'strict', spf: 'strict' };
const SIGNED = { domain: 'x.example', selector: 's', result: 'pass', reason: null, survives: true } as const;
const PLAIN: Evidence = {
  author: 'x.example',
  policy: REJECT,
  signatures: [],
  willSign: [],
  returnPath: null,
  includes: [null],
};
const returnPath = (domain: string, spf: Extract<Evidence['returnPath'], object>['spf']) => ({ domain, spf });
const SOME = { kind: 'some', includes: ['_spf.up.example'] } as const;

describe('a message', () => {
  it.each<[string, Partial<Evidence>, boolean | null]>([
    ['that we sign as its author', { willSign: ['x.example'] }, true],
    ['that we sign as a domain below', { willSign: ['mail.x.example'] }, true],
    ['the same, strictly', { willSign: ['mail.x.example'], policy: STRICT }, false],
    ['that we sign as somebody else', { willSign: ['y.example'] }, false],
    ['that came signed', { signatures: [SIGNED] }, true],
    ['that came signed, and is changed on the way', { signatures: [{ ...SIGNED, survives: false }] }, false],
    ['whose signature failed', { signatures: [{ ...SIGNED, result: 'fail' }] }, false],
    ['whose signature covers a part', { signatures: [{ ...SIGNED, result: 'policy' }] }, false],
    ['whose second signature is good', { signatures: [{ ...SIGNED, result: 'fail' }, SIGNED] }, true],
    ['that somebody else signed', { signatures: [{ ...SIGNED, domain: 'y.example' }] }, false],
    ['whose key is not known', { signatures: [{ ...SIGNED, result: 'temperror' }] }, null],
    [
      'whose key is not known, but we sign',
      { signatures: [{ ...SIGNED, result: 'temperror' }], willSign: ['x.example'] },
      true,
    ],
    ['with an empty return path', {}, false],
    ['with a return path elsewhere', { returnPath: returnPath('y.example', { kind: 'anybody' }) }, false],
    ['whose return path has no SPF record', { returnPath: returnPath('x.example', { kind: 'absent' }) }, false],
    ['whose return path has two', { returnPath: returnPath('x.example', { kind: 'broken' }) }, false],
    ['whose return path lets nobody send', { returnPath: returnPath('x.example', { kind: 'nobody' }) }, false],
    ['whose return path lets anybody send', { returnPath: returnPath('b.x.example', { kind: 'anybody' }) }, true],
    ['the same, strictly', { returnPath: returnPath('b.x.example', { kind: 'anybody' }), policy: STRICT }, false],
    ['whose return path names some addresses', { returnPath: returnPath('x.example', SOME) }, null],
    [
      'whose return path covers the upstream',
      { returnPath: returnPath('x.example', SOME), includes: ['_spf.up.example'] },
      true,
    ],
    [
      'whose return path covers one upstream of two',
      { returnPath: returnPath('x.example', SOME), includes: ['_spf.up.example', '_spf.other.example'] },
      null,
    ],
    ['that leaves through nobody', { returnPath: returnPath('x.example', SOME), includes: [] }, null],
    ['whose return path is not known', { returnPath: returnPath('x.example', { kind: 'unknown' }) }, null],
  ])('%s', (_name, evidence, willPass) => {
    expect(predict({ ...PLAIN, ...evidence }).willPass).toBe(willPass);
  });

  it('has its identifiers and its policy told apart', () => {
    expect(
      predict({ ...PLAIN, signatures: [SIGNED], returnPath: returnPath('b.x.example', { kind: 'absent' }) }),
    ).toMatchObject({ dkimAligned: true, spfAligned: true, spf: 'fail', policy: 'reject' });
    expect(predict({ ...PLAIN, policy: { kind: 'absent' } })).toMatchObject({ policy: null, willPass: false });
  });
});

describe('in words', () => {
  const NONE: DomainPolicy = { ...REJECT, policy: 'none' };
  it.each<[string, Partial<Evidence>]>([
    ['passes DMARC: signed as mail.x.example', { willSign: ['y.example', 'mail.x.example'] }],
    ['passes DMARC: signed as x.example', { signatures: [SIGNED] }],
    [
      'passes DMARC: the SPF record of x.example covers the upstream',
      { returnPath: returnPath('x.example', { kind: 'anybody' }) },
    ],
    [
      'refused by receivers, as x.example asks: no DKIM signature as x.example, and the return path is <>',
      { policy: REJECT },
    ],
    [
      'refused by receivers, as x.example asks: its DKIM signature as x.example does not pass, and the return path ' +
        'y.example is another domain',
      { signatures: [{ ...SIGNED, result: 'fail' }], returnPath: returnPath('y.example', SOME) },
    ],
    [
      'taken for spam by receivers, as x.example asks: no DKIM signature as x.example, and x.example has no SPF record ' +
        'that lets anybody send',
      { policy: { ...REJECT, policy: 'quarantine' }, returnPath: returnPath('x.example', { kind: 'nobody' }) },
    ],
    [
      'refused by receivers, as x.example asks unless the SPF record of x.example covers the upstream',
      { returnPath: returnPath('x.example', SOME) },
    ],
    [
      'does not pass DMARC, and x.example asks for nothing in that case: no DKIM signature as x.example, and the ' +
        'return path is <>',
      { policy: NONE },
    ],
    [
      'fails DMARC, if x.example has a policy, which the DNS did not say: no DKIM signature as x.example, and the ' +
        'return path is <>',
      { policy: { kind: 'unknown' } },
    ],
    [
      'not known: the DNS did not give the SPF record of x.example',
      { returnPath: returnPath('x.example', { kind: 'unknown' }) },
    ],
    [
      'not known: the DNS did not give the key of its DKIM signature',
      { signatures: [{ ...SIGNED, result: 'temperror' }] },
    ],
  ])('%s', (words, evidence) => {
    expect(predict({ ...PLAIN, ...evidence }).consequence).toBe(words);
  });
});
