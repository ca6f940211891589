// What is refused, with which code of RFC 7372, and what is only put off.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AuthenticationFacts, DkimFact } from '../../../relay/authentication/facts.ts';
import { objectToAuthentication } from '../../../relay/authentication/objection.ts';
import { formatReply } from '../../../src/mail/reply.ts';

const FINE: AuthenticationFacts = {
  dkim: [],
  spf: null,
  arc: null,
  dmarc: { domain: 'x.example', policy: 'reject', result: null },
  prediction: {
    ...{ dkimAligned: true, spfAligned: false, spf: 'fail', willPass: true, policy: 'reject' },
    consequence: '',
  },
};
const LOST = { ...FINE.prediction, dkimAligned: false, willPass: false };
const UNKNOWN = { ...LOST, willPass: null };
const BROKEN: DkimFact = {
  domain: 'x.example',
  selector: 's',
  result: 'fail',
  reason: 'bad signature',
  aligned: true,
  survives: true,
};
const GOOD: DkimFact = { ...BROKEN, result: 'pass', reason: null };
const client = (result: NonNullable<AuthenticationFacts['spf']>['result']) =>
  ({ identity: 'mailfrom', domain: 'y.example', result }) as const;

const CASES: [string, Partial<AuthenticationFacts>, string | null][] = [
  ['what will pass', {}, null],
  ['what may pass', { prediction: UNKNOWN }, null],
  ['what its domain has no wish about', { prediction: { ...LOST, policy: null } }, null],
  ['what its domain only watches', { prediction: { ...LOST, policy: 'none' } }, null],
  ['DMARC reject', { prediction: LOST }, 'reject 550 5.7.26 dmarc-will-fail'],
  ['DMARC quarantine', { prediction: { ...LOST, policy: 'quarantine' } }, 'reject 550 5.7.26 dmarc-will-fail'],
  ['a broken signature', { dkim: [BROKEN], prediction: LOST }, 'reject 550 5.7.20 dkim-failed'],
  [
    'a broken signature of a domain without policy',
    { dkim: [BROKEN], prediction: { ...LOST, policy: null } },
    'reject 550 5.7.20 dkim-failed',
  ],
  ['a broken signature beside a good one', { dkim: [BROKEN, GOOD] }, null],
  ['a broken signature that ours stands in for', { dkim: [BROKEN] }, null],
  ['a broken signature, when SPF may pass', { dkim: [BROKEN], prediction: UNKNOWN }, null],
  [
    'a broken signature of somebody else',
    { dkim: [{ ...BROKEN, domain: 'y.example', aligned: false }], prediction: { ...LOST, policy: null } },
    null,
  ],
  [
    'a signature that we would break',
    { dkim: [{ ...GOOD, survives: false, reason: 'it signs the absence of date' }], prediction: LOST },
    'reject 550 5.7.20 dkim-failed',
  ],
  ['SPF fail', { spf: client('fail') }, 'reject 550 5.7.23 spf-failed'],
  ['SPF softfail', { spf: client('softfail') }, null],
  ['SPF neutral', { spf: client('neutral') }, null],
  ['SPF none', { spf: client('none') }, null],
  ['SPF permerror', { spf: client('permerror') }, null],
  ['SPF temperror, when DKIM decides', { spf: client('temperror') }, null],
  ['SPF temperror', { spf: client('temperror'), prediction: UNKNOWN }, 'defer 451 4.7.24 spf-unknown'],
  [
    'SPF temperror of what will be refused anyway',
    { spf: client('temperror'), prediction: LOST },
    'reject 550 5.7.26 dmarc-will-fail',
  ],
  [
    'a key that is not known',
    { dkim: [{ ...BROKEN, result: 'temperror' }], prediction: UNKNOWN },
    'defer 451 4.7.20 dkim-unknown',
  ],
  ['a key that is not known, when we sign', { dkim: [{ ...BROKEN, result: 'temperror' }] }, null],
  [
    'a policy that is not known',
    { dmarc: { domain: 'x.example', policy: null, result: 'temperror' }, prediction: { ...LOST, policy: null } },
    'defer 451 4.7.26 dmarc-unknown',
  ],
  [
    'a policy that is not known, when we sign',
    { dmarc: { domain: 'x.example', policy: null, result: 'temperror' } },
    null,
  ],
  [
    'a return path that is not known',
    { prediction: { ...UNKNOWN, spf: 'temperror' } },
    'defer 451 4.7.26 dmarc-unknown',
  ],
  [
    'a return path that is not known, of a domain that only watches',
    { prediction: { ...UNKNOWN, spf: 'temperror', policy: 'none' } },
    null,
  ],
  [
    'a From field that is not understood',
    { dmarc: { domain: null, policy: null, result: 'permerror' }, prediction: { ...LOST, policy: null } },
    'reject 550 5.7.1 author-not-understood',
  ],
];

describe('with enforce', () => {
  it.each(CASES)('%s', (_name, facts, expected) => {
    const objection = objectToAuthentication({ ...FINE, ...facts }, 'enforce');
    const told = objection && `${objection.kind} ${objection.reply.code} ${objection.reply.enhanced} ${objection.rule}`;
    expect(told).toBe(expected);
  });

  it('says what is missing, and what to do', () => {
    const told = (facts: Partial<AuthenticationFacts>) =>
      formatReply(objectToAuthentication({ ...FINE, ...facts }, 'enforce')!.reply);
    expect(told({ prediction: LOST })).toBe(
      '550 5.7.26 DMARC policy of x.example is reject, and nothing would pass: no DKIM signature as it, and a return ' +
        'path elsewhere; sign as x.example',
    );
    expect(told({ dkim: [BROKEN], prediction: LOST })).toBe(
      '550 5.7.20 DKIM signature of x.example does not pass (bad signature); mend it, or leave it out and sign here',
    );
    expect(told({ spf: client('fail') })).toBe(
      '550 5.7.23 SPF record of y.example does not let this address send; add it there, or log in',
    );
    expect(told({ spf: client('temperror'), prediction: UNKNOWN })).toBe(
      '451 4.7.24 SPF record of y.example could not be looked up; try again later',
    );
  });

  it('fits a reply line, whatever the names (RFC 5321 section 4.5.3.1.5)', () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.example`;
    const facts = {
      ...FINE,
      dkim: [{ ...BROKEN, domain: long, reason: 'r'.repeat(100) }],
      dmarc: { ...FINE.dmarc, domain: long },
    };
    for (const dkim of [facts.dkim, []]) {
      const { reply } = objectToAuthentication({ ...facts, dkim, prediction: LOST }, 'enforce')!;
      expect(formatReply(reply).length).toBeLessThanOrEqual(510);
    }
  });
});

it.each(['off', 'observe'] as const)('with %s nothing is refused', policy => {
  expect(CASES.map(([, facts]) => objectToAuthentication({ ...FINE, ...facts }, policy))).toEqual(
    CASES.map(() => null),
  );
});

it('docs/authentication.md names every rule with its code', () => {
  const page = readFileSync(new URL('../../../docs/authentication.md', import.meta.url), 'utf8');
  const told = new Set(CASES.flatMap(([, , expected]) => expected ?? []));
  expect(told.size).toBe(7);
  for (const objection of told) {
    const [, code, enhanced, rule] = objection.split(' ');
    expect(page).toMatch(new RegExp(`\\| \`${code} ${enhanced} [^|]*\\| \`${rule}\` \\|`));
  }
});
