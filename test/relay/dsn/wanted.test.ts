// Who is told what, as tables; and what nobody is ever told, so that mail does not cause mail for ever.
import { describe, expect, it } from 'vitest';
import { natureOf, type Occasion, type TellableKind, wishFor } from '../../../relay/dsn/wanted.ts';
import { scanHeader } from '../../../src/mail/header.ts';

const occasion = (changes: Partial<Occasion> = {}): Occasion => ({
  ...{ event: 'failed', notify: null, policy: 'asked', reversePath: 'app@example.com', state: 'failed' },
  ...changes,
});
const told = (changes: Partial<Occasion>) => wishFor(occasion(changes), 'ordinary').kind ?? 'nothing';

const FAILURES: TellableKind[] = ['failed', 'expired', 'suppressed', 'bounced', 'rejected-by-provider'];
const EVENTS: [TellableKind, string][] = [
  ...FAILURES.map((event): [TellableKind, string] => [event, 'FAILURE']),
  ['delayed', 'DELAY'],
  ['delay-reported', 'DELAY'],
  ['delivered', 'SUCCESS'],
  ['delivery-confirmed', 'SUCCESS'],
];

describe('NOTIFY= (RFC 3461 section 4.1)', () => {
  it.each(EVENTS)('%s is told to whoever asked for %s, and to nobody who asked for the others', (event, asked) => {
    for (const policy of ['asked', 'always'] as const) {
      for (const notify of ['SUCCESS', 'FAILURE', 'DELAY', 'FAILURE,DELAY', 'SUCCESS,FAILURE,DELAY', 'NEVER']) {
        const expected = notify.split(',').includes(asked) ? asked.toLowerCase() : 'nothing';
        expect([notify, told({ event, notify, policy, state: 'queued' })]).toEqual([notify, expected]);
      }
    }
  });

  it('is read whatever its case', () => {
    expect(told({ notify: 'success,Failure' })).toBe('failure');
  });
});

describe('without NOTIFY= (RFC 3461 section 4.1: failure, and delay where it is usual)', () => {
  it.each(EVENTS)('%s is told to nobody, unless the credential says always', (event, kind) => {
    expect(told({ event, state: 'queued' })).toBe('nothing');
    const expected = kind === 'SUCCESS' ? 'nothing' : kind.toLowerCase();
    expect(told({ event, policy: 'always', state: 'queued' })).toBe(expected);
  });
});

describe('nothing is told', () => {
  it.each<[string, Partial<Occasion>]>([
    ['null-reverse-path', { reversePath: null }],
    ['to-a-mailer-daemon', { reversePath: 'MAILER-DAEMON@mx.example.net' }],
    ['to-a-mailer-daemon', { reversePath: '"mailer-daemon"@mx.example.net' }],
    ['credential-says-never', { policy: 'never' }],
    ['late-no-more', { event: 'delayed', notify: 'DELAY', state: 'delivered' }],
    ['notify-does-not-ask', { notify: 'NEVER', policy: 'always' }],
    ['nobody-asked', {}],
    ['success-is-told-on-request', { event: 'delivered', policy: 'always' }],
  ])('by the rule %s', (rule, changes) => {
    const asked = { notify: 'SUCCESS,FAILURE,DELAY', policy: 'always' } as const;
    const all = rule.startsWith('notify') || rule === 'nobody-asked' || rule.startsWith('success') ? {} : asked;
    expect(wishFor(occasion({ ...all, ...changes }), 'ordinary')).toEqual({ kind: null, rule });
  });

  it('of a report, although it is asked for', () => {
    expect(wishFor(occasion({ notify: 'FAILURE', policy: 'always' }), 'report')).toEqual({
      ...{ kind: null, rule: 'about-a-report' },
    });
  });

  it('unasked of automatic mail; asked, it is told', () => {
    expect(wishFor(occasion({ policy: 'always' }), 'automatic')).toEqual({ kind: null, rule: 'about-automatic-mail' });
    expect(wishFor(occasion({ notify: 'FAILURE' }), 'automatic')).toEqual({ kind: 'failure', rule: 'notify-asks' });
  });
});

it.each([
  ['Content-Type: multipart/report; report-type=delivery-status; boundary=x', 'report'],
  ['Content-Type: Multipart/Report;\r\n\tboundary=x', 'report'],
  ['Content-Type: multipart/reporting; boundary=x', 'ordinary'],
  ['Content-Type: multipart/mixed; boundary=report', 'ordinary'],
  ['Auto-Submitted: auto-replied', 'automatic'],
  ['Auto-Submitted: auto-generated (cron)', 'automatic'],
  ['Auto-Submitted: no', 'ordinary'],
  ['X-Auto-Response-Suppress: All', 'automatic'],
  ['X-Auto-Response-Suppress: OOF, NDR', 'automatic'],
  ['X-Auto-Response-Suppress: OOF, AutoReply', 'ordinary'],
  ['Subject: Content-Type: multipart/report', 'ordinary'],
])('mail with %s is of the kind %s', (field, nature) => {
  const content = Buffer.from(`${field}\r\nFrom: a@b.example\r\n\r\nbody\r\n`);
  expect(natureOf(content, scanHeader(content))).toBe(nature);
});
