// Authentication-Results (RFC 8601): ours, and those that only say that they are.
import { describe, expect, it } from 'vitest';
import type { AuthenticationFacts, DkimFact } from '../../../relay/authentication/facts.ts';
import { authenticationResults, forgedResults } from '../../../relay/authentication/results-field.ts';
import { scanHeader } from '../../../src/mail/header.ts';

const BARE: AuthenticationFacts = {
  dkim: [],
  spf: null,
  arc: null,
  dmarc: { domain: 'x.example', policy: 'reject', result: null },
  prediction: {
    ...{ dkimAligned: false, spfAligned: false, spf: 'fail', willPass: false, policy: 'reject' },
    consequence: '',
  },
};
const SIGNED: DkimFact = {
  domain: 'x.example',
  selector: 's1',
  result: 'pass',
  reason: null,
  aligned: true,
  survives: true,
};

describe('our field', () => {
  it.each<[string, Partial<AuthenticationFacts>, string]>([
    ['is not there when nothing was judged', {}, ''],
    ['nor for a From that has no policy', { dmarc: { domain: 'x.example', policy: null, result: 'none' } }, ''],
    [
      'tells each signature, and DMARC',
      {
        dkim: [SIGNED, { ...SIGNED, domain: 'y.example', result: 'fail', reason: 'bad signature' }],
        dmarc: { domain: 'x.example', policy: 'reject', result: 'pass' },
      },
      'Authentication-Results: mail.gw.example;\r\n' +
        '\tdkim=pass header.d=x.example header.s=s1;\r\n' +
        '\tdkim=fail reason="bad signature" header.d=y.example header.s=s1;\r\n' +
        '\tdmarc=pass (p=reject) header.from=x.example\r\n',
    ],
    [
      'tells the client',
      {
        spf: { identity: 'mailfrom', domain: 'y.example', result: 'softfail' },
        dmarc: { domain: 'x.example', policy: null, result: 'none' },
      },
      'Authentication-Results: mail.gw.example;\r\n' +
        '\tspf=softfail smtp.mailfrom=y.example;\r\n' +
        '\tdmarc=none header.from=x.example\r\n',
    ],
    [
      'tells the name in EHLO',
      { spf: { identity: 'helo', domain: 'app.example', result: 'pass' } },
      'Authentication-Results: mail.gw.example;\r\n\tspf=pass smtp.helo=app.example\r\n',
    ],
    [
      'tells the chain',
      { arc: { result: 'fail', reason: 'i=1 no valid signature' } },
      'Authentication-Results: mail.gw.example;\r\n\tarc=fail reason="i=1 no valid signature"\r\n',
    ],
    [
      'quotes what is no token',
      { dkim: [{ ...SIGNED, domain: 'a?b', selector: '?', result: 'neutral', reason: 'say "no" \\\r\nX: y' }] },
      'Authentication-Results: mail.gw.example;\r\n' +
        '\tdkim=neutral reason="say \\"no\\" \\\\??X: y" header.d="a?b" header.s="?"\r\n',
    ],
  ])('%s', (_name, facts, expected) => {
    expect(authenticationResults({ ...BARE, ...facts }, 'mail.gw.example')).toBe(expected);
  });

  it('bears a name that is an address literal in quotes', () => {
    expect(authenticationResults({ ...BARE, dkim: [SIGNED] }, '[192.0.2.1]')).toMatch(
      /^Authentication-Results: "\[192\.0\.2\.1\]";\r\n\tdkim=pass/,
    );
  });
});

describe('a field in our name (RFC 8601 section 5)', () => {
  const isForged = (field: string) => {
    const content = Buffer.from(`${field}\r\nFrom: a@x.example\r\n\r\n`);
    return forgedResults(content, scanHeader(content), 'mail.GW.example').length === 1;
  };

  it.each([
    'Authentication-Results: mail.gw.example; dkim=pass',
    'authentication-RESULTS : MAIL.gw.Example;dkim=pass',
    'Authentication-Results:\r\n\tmail.gw.example 1; none',
    'Authentication-Results: (a (nested) \\( comment) mail.gw.example (another) ; none',
    'Authentication-Results: (folded\r\n comment) "mail.gw.example"; none',
    'Authentication-Results: "mail\\.gw.example"; none',
    'Authentication-Results: mail.gw.example.; none',
    'Authentication-Results: mail.gw.example',
    'Authentication-Results: ; mail.gw.example; dkim=pass',
    'Authentication-Results: x mail.gw.example; dkim=pass',
    'Authentication-Results: (endless mail.gw.example; dkim=pass',
  ])('goes: %j', field => {
    expect(isForged(field)).toBe(true);
  });

  it.each([
    'Authentication-Results: mx.other.example; dkim=pass header.d=mail.gw.example',
    'Authentication-Results: not-mail.gw.example; dkim=pass',
    'Authentication-Results: gw.example; dkim=pass',
    'Authentication-Results: (mail.gw.example) other.example; none',
    'ARC-Authentication-Results: i=1; mail.gw.example; dkim=pass',
    'X-Authentication-Results: mail.gw.example; dkim=pass',
    'Authentication-Results: ;;; nothing of ours',
  ])('stays: %j', field => {
    expect(isForged(field)).toBe(false);
  });

  it('is found among others, as the bytes that it takes', () => {
    const text =
      'Received: x\r\nAuthentication-Results: mail.gw.example;\r\n dkim=pass\r\nSubject: s\r\n' +
      'Authentication-Results: mail.gw.example; none\r\n\r\nAuthentication-Results: mail.gw.example; body\r\n';
    const content = Buffer.from(text);
    const found = forgedResults(content, scanHeader(content), 'mail.gw.example');
    expect(found.map(({ start, end }) => content.toString('latin1', start, end))).toEqual([
      'Authentication-Results: mail.gw.example;\r\n dkim=pass\r\n',
      'Authentication-Results: mail.gw.example; none\r\n',
    ]);
  });
});
