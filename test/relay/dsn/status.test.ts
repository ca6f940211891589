// Action, Status and Diagnostic-Code by what happened (RFC 3464 section 2.3).
import { describe, expect, it } from 'vitest';
import { type Facts, type LastAttempt, type Reported, statusOf } from '../../../relay/dsn/status.ts';
import type { TellableKind } from '../../../relay/dsn/wanted.ts';

const AT = new Date('2026-11-23T12:00:00Z');
const EXPIRES = new Date('2026-11-25T12:00:00Z');

const attempt = (smtpCode: number | null, enhancedStatus: string | null, detail: string): LastAttempt => ({
  ...{ smtpCode, enhancedStatus, detail, remoteAddress: '192.0.2.1:25', at: AT },
});
const reported = (action: string, status: string | null, said: string | null): Reported => ({ action, status, said });
const facts = (event: TellableKind, changes: Partial<Facts> = {}): Facts => ({
  ...{ event, recipient: 'b@x.example', orcpt: null, reason: null, expiresAt: EXPIRES, attempt: null, reported: null },
  ...changes,
});
const summary = (of: Facts) => {
  const { action, status, said } = statusOf(of);
  return `${action} ${status} ${said ? `${said.type}; ${said.text}` : '-'}`;
};

const gone = attempt(550, '5.1.1', 'no such user');
const full = attempt(452, '4.2.2', 'mailbox full');
const away: LastAttempt = { ...attempt(null, null, 'connect ECONNREFUSED'), remoteAddress: null };

it.each<[string, Facts, string]>([
  ['refused', facts('failed', { attempt: gone }), 'failed 5.1.1 smtp; 550 5.1.1 no such user'],
  ['refused without a code', facts('failed', { attempt: attempt(554, null, 'no') }), 'failed 5.0.0 smtp; 554 no'],
  // A status that contradicts the action would be read as one that does not.
  ['5xx with 4.x.x', facts('failed', { attempt: attempt(550, '4.2.2', 'full') }), 'failed 5.0.0 smtp; 550 4.2.2 full'],
  ['expired', facts('expired', { attempt: full }), 'failed 4.4.7 smtp; 452 4.2.2 mailbox full'],
  [
    'expired, never tried',
    facts('expired', { reason: 'expired-in-queue' }),
    'failed 4.4.7 X-Postern; it could not be passed on in time',
  ],
  [
    'suppressed',
    facts('suppressed', { reason: 'hard-bounce', attempt: null }),
    'failed 5.7.1 X-Postern; on the suppression list: hard-bounce',
  ],
  ['late', facts('delayed', { attempt: full }), 'delayed 4.2.2 smtp; 452 4.2.2 mailbox full'],
  ['late, nobody there', facts('delayed', { attempt: away }), 'delayed 4.4.1 X-Postern; connect ECONNREFUSED'],
  [
    'late, never tried',
    facts('delayed', { reason: 'upstreams-down: a: 421 <someone@else.example> too fast' }),
    'delayed 4.0.0 X-Postern; no server that we pass such mail on to could be reached',
  ],
  ['passed on', facts('delivered', { attempt: attempt(250, '2.6.0', 'ok') }), 'relayed 2.6.0 smtp; 250 2.6.0 ok'],
  [
    'bounced later',
    facts('bounced', { attempt: attempt(250, '2.0.0', 'ok'), reported: reported('failed', '5.2.1', '550 5.2.1 off') }),
    'failed 5.2.1 smtp; 550 5.2.1 off',
  ],
  [
    'bounced, in prose',
    facts('bounced', { reported: reported('failed', null, 'gone') }),
    'failed 5.0.0 X-Postern; gone',
  ],
  [
    'not sent by the provider',
    facts('rejected-by-provider', { reported: reported('rejected', null, 'virus found') }),
    'failed 5.0.0 X-Postern; virus found',
  ],
  ['late elsewhere', facts('delay-reported', { reported: reported('delayed', '4.4.1', '') }), 'delayed 4.4.1 -'],
  ['arrived', facts('delivery-confirmed', { reported: reported('delivered', '2.1.5', null) }), 'delivered 2.1.5 -'],
  [
    'passed on elsewhere',
    facts('delivery-confirmed', { reported: reported('relayed', null, null) }),
    'relayed 2.0.0 -',
  ],
  ['to a list', facts('delivery-confirmed', { reported: reported('expanded', '2.0.0', null) }), 'expanded 2.0.0 -'],
])('%s', (_what, of, expected) => {
  expect(summary(of)).toBe(expected);
});

describe('who said it', () => {
  it.each([
    ['192.0.2.1:25', '192.0.2.1'],
    ['[2001:db8::1]:25', '2001:db8::1'],
    ['2001:db8::1:25', '2001:db8::1'],
  ])('%s is named without its port', (remoteAddress, host) => {
    expect(statusOf(facts('failed', { attempt: { ...gone, remoteAddress } })).remoteMta).toBe(host);
  });

  it('is not our upstream where a report came later', () => {
    const late = facts('bounced', { attempt: gone, reported: reported('failed', '5.1.1', 'no') });
    expect(statusOf(late)).toMatchObject({ remoteMta: null, lastAttemptAt: null });
  });

  it('says until when it is tried only while it is tried', () => {
    expect(statusOf(facts('delayed', { attempt: full })).willRetryUntil).toEqual(EXPIRES);
    expect(statusOf(facts('failed', { attempt: gone })).willRetryUntil).toBeNull();
  });
});
