// What an app says in control fields, in each dialect: what it comes to, and what it gets told when it is not understood.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Directives, NO_DIRECTIVES } from '../../../relay/control-headers/directives.ts';
import { CONTROL_FIELDS } from '../../../relay/control-headers/fields.ts';
import { findControlFields, readControlHeaders } from '../../../relay/control-headers/read.ts';
import { scanHeader } from '../../../src/mail/header.ts';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const read = (fields: string | Buffer) => {
  const content = Buffer.concat([Buffer.from(fields), Buffer.from('\r\nbody\r\n')]);
  return readControlHeaders(content, scanHeader(content), NOW);
};
const lines = (...fields: string[]) => fields.map(field => `${field}\r\n`).join('');
/** Without what was not said. */
function said(...fields: string[]): Partial<Directives> {
  const { directives, problem } = read(lines(...fields));
  expect(problem).toBeNull();
  const unsaid = NO_DIRECTIVES as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(directives).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(unsaid[key])),
  );
}
const problemOf = (...fields: string[]) => read(lines(...fields)).problem;

describe('a control field that the header does not reach', () => {
  it.each([
    ['behind a line that is none', ['Subject: a', 'b', 'X-Postern-Send-At: +1h'], 'X-Postern-Send-At'],
    ['another dialect', ['X-Postern-Tag: a', 'b', 'To: c@x.example', 'x-pm-tag : d'], 'x-pm-tag'],
  ])('is refused: %s', (_name, fields, name) => {
    expect(problemOf(...fields)).toBe(`${name} stands behind a line that is no header field`);
  });

  it.each([
    ['the body of a message without a header', ['hello', 'X-Postern-Tag: a']],
    ['a body', ['Subject: a', '', 'X-Postern-Tag: b']],
    ['other fields', ['Subject: a', 'b', 'X-Unrelated: c']],
    ['the body of such a message', ['Subject: a', 'b', '', 'X-Postern-Tag: c']],
  ])('is nothing to %s', (_name, fields) => {
    expect(problemOf(...fields)).toBeNull();
  });
});

describe('control fields', () => {
  it.each<[string, string[], Partial<Directives>]>([
    ['tags', ['X-Postern-Tag: welcome, signup,, welcome', 'X-Postern-Tag: a'], { tags: ['welcome', 'signup', 'a'] }],
    ['a stream', ['X-Postern-Stream: Bulk'], { stream: 'bulk' }],
    [
      'metadata',
      ['X-Postern-Metadata-Order: 1042', 'x-postern-metadata-x: y'],
      { metadata: { order: '1042', x: 'y' } },
    ],
    ['a life', ['X-Postern-Max-Age: 10m'], { maxAgeMs: 600_000 }],
    ['a key', ['X-Postern-Idempotency-Key: order-1042'], { idempotencyKey: 'order-1042' }],
    ['tracking', ['X-Postern-Track: clicks, opens'], { track: ['opens', 'clicks'] }],
    ['tracking of one', ['X-Postern-Track: clicks'], { track: ['clicks'] }],
    ['no tracking', ['X-Postern-Track: none'], { track: [] }],
    ['Postmark: a tag with a comma', ['X-PM-Tag: hello, you'], { tags: ['hello, you'] }],
    ['Postmark: its first streams', ['X-PM-Message-Stream: outbound'], { stream: 'transactional' }],
    ['Postmark: its broadcasts', ['X-PM-Message-Stream: broadcast'], { stream: 'bulk' }],
    ['Postmark: metadata', ['X-PM-Metadata-client-id: 12'], { metadata: { 'client-id': '12' } }],
    ['Postmark: tracking', ['X-PM-TrackOpens: true', 'X-PM-TrackLinks: HtmlOnly'], { track: ['opens', 'clicks'] }],
    ['Postmark: no tracking', ['X-PM-TrackOpens: false', 'X-PM-TrackLinks: None'], { track: [] }],
    ['Postmark: its Message-ID', ['X-PM-KeepID: true'], {}],
    ['Mailgun: tags', ['X-Mailgun-Tag: a', 'X-Mailgun-Tag: b'], { tags: ['a', 'b'] }],
    ['Mailgun: test mode', ['X-Mailgun-Drop-Message: yes'], { drop: true }],
    ['Mailgun: no test mode', ['X-Mailgun-Drop-Message: no'], {}],
    ['Mailgun: tracking', ['X-Mailgun-Track: yes'], { track: ['opens', 'clicks'] }],
    ['Mailgun: no tracking', ['X-Mailgun-Track: no'], { track: [] }],
    ['Mailgun: one beats both', ['X-Mailgun-Track: no', 'X-Mailgun-Track-Clicks: htmlonly'], { track: ['clicks'] }],
    [
      'Mailgun: variables of any kind',
      ['X-Mailgun-Variables: {"a": "b", "n": 5, "o": {"p": [1]}, "none": null}', 'X-Mailgun-Variables: {"c": "d"}'],
      { metadata: { a: 'b', n: '5', o: '{"p":[1]}', c: 'd' } },
    ],
    ['Mailgun: what means nothing here', ['X-Mailgun-Dkim: yes', 'X-Mailgun-Sending-Ip: 192.0.2.1'], {}],
    ['Mailgun: TLS as it comes', ['X-Mailgun-Require-TLS: no', 'X-Mailgun-Skip-Verification: yes'], {}],
    ['SES: a configuration set', ['X-SES-CONFIGURATION-SET: orders'], { metadata: { 'configuration-set': 'orders' } }],
    [
      'SES: message tags',
      ['X-SES-MESSAGE-TAGS: campaign=book, tagName2=tagValue2'],
      { metadata: { campaign: 'book', tagName2: 'tagValue2' } },
    ],
    ['SES: authorisation', ['X-SES-SOURCE-ARN: arn:aws:ses:eu-west-1:1:identity/x'], {}],
    ['Postal: a tag', ['X-Postal-Tag: welcome'], { tags: ['welcome'] }],
    ['Resend: a key', ['Resend-Idempotency-Key: k1'], { idempotencyKey: 'k1' }],
    [
      'SendGrid: labels and time',
      [
        'X-SMTPAPI: {"category": ["a", "b"], "unique_args": {"order": 1042}, "asm_group_id": 7, "ip_pool": "x",',
        ' "send_at": 1795503600, "to": [], "sub": {}}',
      ],
      { tags: ['a', 'b'], metadata: { order: '1042', asm_group_id: '7' }, sendAtMs: 1_795_503_600_000 },
    ],
    [
      'SendGrid: filters that track',
      [
        'X-SMTPAPI: {"filters": {"clicktrack": {"settings": {"enable": 1}}, "opentrack": {"settings": {"enable": "0"}}}}',
      ],
      { track: ['clicks'] },
    ],
    [
      'SendGrid: filters that are off or only look',
      ['X-SMTPAPI: {"filters": {"footer": {"settings": {"enable": 0}}, "spamcheck": {"settings": {"enable": 1}}}}'],
      {},
    ],
    [
      'SendGrid: one category',
      ['X-SMTPAPI: {"category": "a", "asm": {"group_id": 3}}'],
      { tags: ['a'], metadata: { asm_group_id: '3' } },
    ],
    [
      'the same twice',
      ['X-PM-Tag: a', 'X-Postal-Tag: a', 'X-Postern-Stream: bulk', 'X-PM-Message-Stream: broadcast'],
      { tags: ['a'], stream: 'bulk' },
    ],
    [
      'nothing, where the value is empty',
      ['X-Postern-Stream:', 'X-PM-Tag: ', 'X-SMTPAPI:', 'X-Postern-Send-At:\r\n '],
      {},
    ],
    ['nothing, in an unknown field of a dialect', ['X-PM-Message-Id: 1', 'X-SES-Outgoing: x', 'X-Mailgun-Sid: y'], {}],
  ])('say %s', (_what, fields, expected) => {
    expect(said(...fields)).toEqual(expected);
  });

  it.each<[string, string, number]>([
    ['RFC 3339', '2026-11-24T08:00:00+01:00', Date.UTC(2026, 10, 24, 7)],
    ['RFC 3339 in UTC, with a fraction', '2026-11-24T08:00:00.5Z', Date.UTC(2026, 10, 24, 8, 0, 0, 500)],
    ['RFC 3339 with a space, without seconds', '2026-11-24 08:00Z', Date.UTC(2026, 10, 24, 8)],
    ['RFC 5322', 'Tue, 24 Nov 2026 08:00:00 +0100', Date.UTC(2026, 10, 24, 7)],
    ['RFC 5322 without weekday, with a comment', '24 Nov 2026 08:00 GMT (London)', Date.UTC(2026, 10, 24, 8)],
    ['RFC 5322 in UT', '4 DEC 2026 08:00 UT', Date.UTC(2026, 11, 4, 8)],
    ['Unix seconds', '1795503600', 1_795_503_600_000],
    ['from now', '+10m', NOW + 600_000],
    ['the last of 90 days', '+90d', NOW + 90 * 86_400_000],
    ['a time that is past: now', '2020-01-01T00:00:00Z', NOW],
  ])('say when: %s', (_form, value, expected) => {
    for (const name of ['X-Postern-Send-At', 'X-Mailgun-Deliver-By']) {
      expect(said(`${name}: ${value}`)).toEqual({ sendAtMs: expected });
    }
  });

  it.each([
    '2026-11-24T08:00:00',
    '2026-02-30T08:00:00Z',
    '2026-13-01T08:00:00Z',
    '30 Feb 2027 08:00:00 +0000',
    '24 Nix 2026 08:00:00 +0000',
    'Tue, 24 Nov 2026 08:00:00',
    'tomorrow',
    '+10',
    '+soon',
    '08:00',
  ])('%s is no time', value => {
    expect(problemOf(`X-Postern-Send-At: ${value}`)).toBe(
      'X-Postern-Send-At is not a time with its zone (example: X-Postern-Send-At: 2026-11-24T08:00:00+01:00)',
    );
  });

  it.each<[string[], string]>([
    [['X-Postern-Send-At: +91d'], 'X-Postern-Send-At is more than 90 days ahead'],
    [
      ['X-Postern-Stream: slow'],
      'X-Postern-Stream is not a stream that is known here (example: X-Postern-Stream: bulk)',
    ],
    [['X-PM-Message-Stream: my-own'], 'X-PM-Message-Stream is not a stream that is known here'],
    [
      ['X-Postern-Max-Age: 1s'],
      'X-Postern-Max-Age is not a duration from 10s to 30d (example: X-Postern-Max-Age: 10m)',
    ],
    [['X-Postern-Max-Age: 31d'], 'X-Postern-Max-Age is not a duration'],
    [['X-Postern-Max-Age: long'], 'X-Postern-Max-Age is not a duration'],
    [['X-Postern-Track: everything'], 'X-Postern-Track is not opens, clicks or none'],
    [['X-Postern-Track: none, opens'], 'X-Postern-Track is none and something else'],
    [['X-PM-TrackOpens: maybe'], 'X-PM-TrackOpens is neither yes nor no (example: X-PM-TrackOpens: true)'],
    [['X-PM-TrackLinks: all'], 'X-PM-TrackLinks is not None, HtmlAndText, HtmlOnly or TextOnly'],
    [
      ['X-Postern-Maxage: 10m'],
      'X-Postern-Maxage is not a known field: did you mean X-Postern-Max-Age? (example: X-Postern-Max-Age: 10m)',
    ],
    [['x-postern-TAQ: x'], 'x-postern-TAQ is not a known field: did you mean X-Postern-Tag? (example: X-Postern-Tag: '],
    [['X-Postern-Colour: x'], 'X-Postern-Colour is not a known field (example: X-Postern-Tag: welcome)'],
    [
      ['X-Postern-Metadata: x'],
      'X-Postern-Metadata is not a known field: did you mean X-Postern-Metadata-*? (example: X-Postern-Metadata-order: ',
    ],
    [['X-Postern-Metadata-: x'], 'X-Postern-Metadata-* needs a name of 1 to 64 characters'],
    [[`X-Postern-Metadata-${'n'.repeat(65)}: x`], 'X-Postern-Metadata-* needs a name of 1 to 64 characters'],
    [[`X-Postern-Metadata-n: ${'v'.repeat(1_001)}`], 'X-Postern-Metadata-* has a value of more than 1000 characters'],
    [[`X-PM-Tag: ${'t'.repeat(129)}`], 'X-PM-Tag has a tag of more than 128 characters'],
    [[`X-Postern-Tag: ${Array.from({ length: 21 }, (_, i) => i)}`], 'X-Postern-Tag makes more than 20 tags'],
    [[`Resend-Idempotency-Key: ${'k'.repeat(257)}`], 'Resend-Idempotency-Key has more than 256 characters'],
    [
      ['X-Postern-Stream: bulk', 'X-PM-Message-Stream: outbound'],
      'X-PM-Message-Stream says something else than another',
    ],
    [['X-Postern-Metadata-a: 1', 'X-PM-Metadata-A: 2'], 'X-PM-Metadata-* says something else than another field'],
    [['X-Mailgun-Require-TLS: yes'], 'X-Mailgun-Require-TLS cannot be honoured: nobody can promise TLS'],
    [['X-Mailgun-Recipient-Variables: {"a@x": {}}'], 'X-Mailgun-Recipient-Variables cannot be honoured'],
    [['X-Mailgun-Template-Variables: {}'], 'X-Mailgun-Template-Variables cannot be honoured'],
    [['X-Mailgun-Variables: order=1'], 'X-Mailgun-Variables is not a JSON object of names and values'],
    [['X-Mailgun-Variables: ["order"]'], 'X-Mailgun-Variables is not a JSON object of names and values'],
    [['X-SES-MESSAGE-TAGS: campaign'], 'X-SES-MESSAGE-TAGS is not a list of name=value (example: X-SES-MESSAGE-TAGS: '],
    [['X-SES-LIST-MANAGEMENT-OPTIONS: contactListName=x'], 'X-SES-LIST-MANAGEMENT-OPTIONS cannot be honoured'],
    [['X-SMTPAPI: category=x'], 'X-SMTPAPI is not a JSON object (example: X-SMTPAPI: {'],
    [['X-SMTPAPI: {"to": ["a@x.example"]}'], 'X-SMTPAPI cannot be honoured: its part to is not supported here'],
    [['X-SMTPAPI: {"sub": {"%a%": ["b"]}}'], 'X-SMTPAPI cannot be honoured: its part sub'],
    [['X-SMTPAPI: {"section": {"a": "b"}}'], 'X-SMTPAPI cannot be honoured: its part section'],
    [['X-SMTPAPI: {"send_each_at": [1]}'], 'X-SMTPAPI cannot be honoured: its part send_each_at'],
    [['X-SMTPAPI: {"\\r\\n250 ok": 1}'], 'X-SMTPAPI cannot be honoured: its part with an odd name'],
    [['X-SMTPAPI: {"send_at": "soon"}'], 'X-SMTPAPI is not a time with its zone'],
    [['X-SMTPAPI: {"category": [{}]}'], 'X-SMTPAPI has a category that is no text'],
    [
      ['X-SMTPAPI: {"filters": {"footer": {"settings": {"enable": 1, "text/plain": "x"}}}}'],
      'X-SMTPAPI cannot be honoured: its filter footer is not supported here',
    ],
    [['X-Mailgun-Variables: {"a": "nul\\u0000"}'], 'X-Mailgun-Variables has a control character'],
    [['X-Mailgun-Variables: {"a": "half \\ud800"}'], 'X-Mailgun-Variables has a control character'],
    [[`X-SMTPAPI: {"category": "${'x'.repeat(17_000)}"}`], 'X-SMTPAPI is longer than 16384 bytes'],
    [['X-PM-Tag: =?klingon?q?x?='], 'X-PM-Tag is longer than 16384 bytes, or not in a known charset'],
  ])('%j: %s', (fields, problem) => {
    expect(problemOf(...fields)).toContain(problem);
  });

  it('make at most 50 entries of metadata, however they come', () => {
    const entries = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`n${i}`, 'v']));
    expect(problemOf(`X-Mailgun-Variables: ${JSON.stringify(entries)}`)).toContain('makes more than 50 entries');
    delete entries.n50;
    expect(problemOf(`X-Mailgun-Variables: ${JSON.stringify(entries)}`)).toBeNull();
  });

  it('may be folded, encoded (RFC 2047) and spelt oddly', () => {
    expect(said('x-POSTERN-tag \t:\r\n a,\r\n\tb')).toEqual({ tags: ['a', 'b'] });
    expect(said('X-PM-Tag: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?b?IMO8YmVyYWxs?=')).toEqual({
      tags: ['Grüße überall'],
    });
    expect(said('X-PM-Tag: Grüße')).toEqual({ tags: ['Grüße'] });
    expect(read(Buffer.from('X-PM-Tag: Gr\xfc\xdfe\r\n', 'latin1')).problem).toContain('not in a known charset');
  });

  it('have metadata whose names mean nothing to the language', () => {
    const { metadata } = said(
      'X-PM-Metadata-__proto__: polluted',
      'X-PM-Metadata-constructor: c',
      'X-Mailgun-Variables: {"__proto__": "polluted", "toString": "t"}',
    );
    expect(Object.entries(metadata!)).toEqual([
      ['__proto__', 'polluted'],
      ['constructor', 'c'],
      ['toString', 't'],
    ]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  });

  it('are all taken out, known or not, obeyed or not; others stay', () => {
    const content = Buffer.from(
      lines(
        'Received: x',
        ...CONTROL_FIELDS.map(({ name }) => `${name.toUpperCase().replace('*', 'a')}: \x01`),
        ...['X-Postern-Unknown : 1', 'x-pm-message-id: 1', 'X-Mailgun-Sid: 1', 'X-SES-Outgoing: 1'],
        ...['X-Postal-MsgID: 1', 'X-Entity-Ref-ID: 1', 'X-Tags: 1', 'Resend-Other: 1', 'X-SMTPAPI2: 1', 'Subject: s'],
      ),
    );
    const header = scanHeader(content);
    const removed = readControlHeaders(content, header, NOW).removals.map(({ name }) => name);
    expect(removed).toHaveLength(CONTROL_FIELDS.length + 4);
    const left = header.fields.map(({ name }) => name).filter(name => !removed.includes(name));
    expect(left).toEqual([
      'received',
      'x-postal-msgid',
      'x-entity-ref-id',
      'x-tags',
      'resend-other',
      'x-smtpapi2',
      'subject',
    ]);
    expect(findControlFields(header).map(({ name }) => name)).toEqual(removed);
  });

  it('are not missed in mail that has none', () => {
    expect(read('Subject: x\r\nX-Mailer: y\r\nReply-To: z\r\n')).toEqual({
      directives: NO_DIRECTIVES,
      removals: [],
      problem: null,
    });
  });

  it('have examples that are understood', () => {
    for (const { name, example } of CONTROL_FIELDS) {
      expect([name, problemOf(`${name.replace('*', 'order')}: ${example}`)]).toEqual([name, null]);
    }
  });

  it('never throw, and never make a reply of more than one line, whatever the value', () => {
    const name = fc.constantFrom(
      ...CONTROL_FIELDS.map(field => field.name.replace('*', 'a')),
      'X-Postern-\u007e'.repeat(20),
    );
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.json().map(text => text.replace(/[\r\n]/g, '')),
      fc.stringMatching(/^=\?[a-z0-9-]{1,8}\?[bq]\?[ -~]{0,20}\?=$/),
    );
    fc.assert(
      fc.property(name, value, (field, text) => {
        const { problem, directives } = read(`${field}: ${text.replace(/[\r\n]/g, ' ')}\r\n`);
        if (problem !== null) expect(problem).toMatch(/^[ -~]{1,400}$/);
        else expect(JSON.parse(JSON.stringify(directives.metadata))).toEqual(directives.metadata);
      }),
    );
  });
});
