// The field that makes a provider name our delivery in its events: in front of what goes to that provider, and nowhere else.
import { describe, expect, it } from 'vitest';
import { createDeliveryMarks } from '../../relay/delivery-marks.ts';
import { selectSignedFields } from '../../relay/signing/signed-fields.ts';
import type { MessageId } from '../../src/mail/submission.ts';
import { loadSettings } from '../../src/platform/config.ts';
import { MAILGUN_KEY, TOPIC } from '../support/provider-requests.ts';

const ID = '01HF7YAT00ABCDEFGHJKMNPQRS' as MessageId;
const UPSTREAMS =
  'smtp://smtp.mailgun.org?name=mailgun,smtp://email-smtp.eu-west-1.amazonaws.com?name=ses,' +
  'smtp://smtp.sendgrid.net?name=sendgrid,smtp://mx.example.com?name=own';
const MARK = `X-Mailgun-Variables: {"postern":"${ID}-3"}\r\n`;

const marks = createDeliveryMarks(
  loadSettings({
    POSTERN_UPSTREAMS: UPSTREAMS,
    POSTERN_EVENTS_MAILGUN: MAILGUN_KEY,
    POSTERN_EVENTS_SES_TOPICS: TOPIC,
  }),
);
function sent(upstream: string, numbers = [3], parts = ['Received: here\r\n', 'From: a@b.example\r\n\r\nhello\r\n']) {
  const bytes = parts.map(part => Buffer.from(part));
  return Buffer.concat(marks(bytes, ID, numbers, upstream)).toString();
}
const PLAIN = 'Received: here\r\nFrom: a@b.example\r\n\r\nhello\r\n';

it('stands in front of everything, for the provider that gets it', () => {
  expect(sent('mailgun')).toBe(MARK + PLAIN);
  expect(sent('ses')).toBe(`X-SES-MESSAGE-TAGS: postern=${ID}-3\r\n${PLAIN}`);
});

it('names the message alone where a transaction has several recipients', () => {
  expect(sent('mailgun', [3, 4])).toBe(`X-Mailgun-Variables: {"postern":"${ID}"}\r\n${PLAIN}`);
});

it.each([
  ['a provider whose events are not taken', 'sendgrid'],
  ['any other host', 'own'],
])('is not given to %s', (_title, upstream) => expect(sent(upstream)).toBe(PLAIN));

describe('beside a field of that name that the app wrote', () => {
  it.each([
    ['in the first part', ['x-mailgun-variables: {"a":1}\r\nFrom: a\r\n\r\n']],
    ['behind a field that stays here', ['Received: here\r\n', 'From: a\r\n', 'X-MAILGUN-VARIABLES : {}\r\n\r\n']],
  ])('%s, it is left out', (_title, parts) => expect(sent('mailgun', [3], parts)).toBe(parts.join('')));

  it('that is only quoted in the body, it is there', () => {
    const parts = ['Received: here\r\n', 'From: a\r\n\r\nX-Mailgun-Variables: {}\r\n', 'X-Mailgun-Variables: {}\r\n'];
    expect(sent('mailgun', [3], parts)).toBe(MARK + parts.join(''));
  });
});

it('is in front of content without a header too', () => {
  const parts = ['Received: here\r\n\r\n', 'X-Mailgun-Variables: {}\r\n'];
  expect(sent('mailgun', [3], parts)).toBe(MARK + parts.join(''));
});

it.each(['mailgun', 'ses'])('breaks no signature of ours: none is of it, on the way to %s', upstream => {
  const before = selectSignedFields([Buffer.from(PLAIN)], new Set());
  expect(selectSignedFields([Buffer.from(sent(upstream))], new Set())).toEqual(before);
});
