// Every control field that we know: one row each. docs/control-headers.md has the same rows.
import { parseDuration } from '../../src/platform/duration.ts';
import type { DirectivesDraft } from './directives.ts';
import { addMetadata, firstProblem, readSmtpApi } from './smtpapi.ts';
import { parseList, parseObject, parsePairs, parseTime, parseYesNo } from './values.ts';

export type Dialect = 'Postern' | 'Postmark' | 'Mailgun' | 'SES' | 'SendGrid' | 'Postal' | 'Resend';

export type ControlField = {
  /** As people write it; a `*` at its end stands for any name. */
  readonly name: string;
  readonly dialect: Dialect;
  /** For people, in docs/control-headers.md. */
  readonly means: string;
  readonly example: string;
  readonly read: Read;
};

/** Returns what is wrong with the value, in words that follow the field's name, or null. */
export type Read = (draft: DirectivesDraft, value: string, context: { rest: string; now: number }) => string | null;

/** Where each dialect is described. */
export const SOURCES: Readonly<Record<Dialect, string | null>> = {
  Postern: null,
  Postmark: 'https://postmarkapp.com/developer/user-guide/send-email-with-smtp',
  Mailgun: 'https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/pass-sending-options',
  SES: 'https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html',
  SendGrid: 'https://www.twilio.com/docs/sendgrid/for-developers/sending-email/building-an-x-smtpapi-header',
  Postal: 'https://github.com/postalserver/postal',
  Resend: 'https://resend.com/docs/dashboard/emails/idempotency-keys',
};

const DAY_MS = 86_400_000;
const MAX_AHEAD_DAYS = 90;
const MIN_AGE_MS = 10_000;
const MAX_AGE_MS = 30 * DAY_MS;
/** As Resend has it. */
const MAX_KEY = 256;

const tags: Read = (draft, value) => firstProblem(parseList(value), tag => draft.tag(tag));
const tag: Read = (draft, value) => draft.tag(value);
const metadata: Read = (draft, value, { rest }) => draft.metadata(rest, value);
const variables: Read = (draft, value) => addMetadata(draft, parseObject(value));
const label =
  (name: string): Read =>
  (draft, value) =>
    draft.metadata(name, value);
const nothing: Read = () => null;
const refused =
  (why: string): Read =>
  () =>
    `cannot be honoured: ${why}`;

const sendAt: Read = (draft, value, { now }) => {
  const time = parseTime(value, now);
  if (time === null) return 'is not a time with its zone';
  return time > now + MAX_AHEAD_DAYS * DAY_MS
    ? `is more than ${MAX_AHEAD_DAYS} days ahead`
    : // What is past goes out now, however many say when.
      draft.set('sendAtMs', Math.max(time, now));
};

const maxAge: Read = (draft, value) => {
  const age = parseDuration(value);
  if (age === null || age < MIN_AGE_MS || age > MAX_AGE_MS) return 'is not a duration from 10s to 30d';
  return draft.set('maxAgeMs', age);
};

const idempotencyKey: Read = (draft, value) =>
  value.length > MAX_KEY ? `has more than ${MAX_KEY} characters` : draft.set('idempotencyKey', value);

const STREAMS = new Map([
  ['transactional', 'transactional'],
  ['bulk', 'bulk'],
  // The streams that a Postmark server begins with.
  ['outbound', 'transactional'],
  ['broadcast', 'bulk'],
  ['broadcasts', 'bulk'],
] as const);

const stream: Read = (draft, value) => {
  const known = (STREAMS as ReadonlyMap<string, 'transactional' | 'bulk'>).get(value.toLowerCase());
  return known ? draft.set('stream', known) : 'is not a stream that is known here';
};

const track: Read = (draft, value) => {
  const asked = parseList(value.toLowerCase());
  if (asked.some(entry => !['opens', 'clicks', 'none'].includes(entry))) return 'is not opens, clicks or none';
  if (asked.includes('none') && asked.length > 1) return 'is none and something else';
  return draft.set('opens', asked.includes('opens')) ?? draft.set('clicks', asked.includes('clicks'));
};

const yesNo =
  (key: 'track' | 'opens' | 'clicks' | 'drop'): Read =>
  (draft, value) => {
    const answer = parseYesNo(value);
    return answer === null ? 'is neither yes nor no' : draft.set(key, answer);
  };

/** Mailgun's third answer: links in the HTML only, which are the only ones that could be tracked unseen. */
const trackClicks: Read = (draft, value, context) =>
  value.toLowerCase() === 'htmlonly' ? draft.set('clicks', true) : yesNo('clicks')(draft, value, context);

const trackLinks: Read = (draft, value) => {
  const answer = value.toLowerCase();
  if (!['none', 'htmlandtext', 'htmlonly', 'textonly'].includes(answer))
    return 'is not None, HtmlAndText, HtmlOnly or TextOnly';
  return draft.set('clicks', answer !== 'none');
};

/** A wish that may be said off, but not on. */
const unless =
  (why: string): Read =>
  (_, value) => {
    const answer = parseYesNo(value);
    return answer === null ? 'is neither yes nor no' : answer ? `cannot be honoured: ${why}` : null;
  };

const messageTags: Read = (draft, value) => {
  const pairs = parsePairs(value);
  return pairs === null ? 'is not a list of name=value' : firstProblem(pairs, pair => draft.metadata(...pair));
};

const smtpApi: Read = (draft, value, context) => readSmtpApi(draft, value, text => sendAt(draft, text, context));

type Row = readonly [name: string, means: string, example: string, read: Read];
const rows = (dialect: Dialect, list: readonly Row[]): ControlField[] =>
  list.map(([name, means, example, read]) => ({ name, dialect, means, example, read }));

const NO_TEMPLATES = 'messages are sent as they are, nothing is filled in';

export const CONTROL_FIELDS: readonly ControlField[] = [
  ...rows('Postern', [
    ['X-Postern-Tag', 'tags, with commas between them; may be repeated', 'welcome, signup', tags],
    ['X-Postern-Stream', '`transactional` or `bulk`', 'bulk', stream],
    ['X-Postern-Metadata-*', 'one entry of metadata, named by the rest of the name', '1042', metadata],
    ['X-Postern-Send-At', 'when to begin, at most 90 days ahead', '2026-11-24T08:00:00+01:00', sendAt],
    ['X-Postern-Max-Age', 'how long it is tried, from `10s` to `30d`', '10m', maxAge],
    ['X-Postern-Idempotency-Key', 'two submissions with one key are one message', 'order-1042', idempotencyKey],
    ['X-Postern-Track', '`opens`, `clicks`, both, or `none`', 'opens, clicks', track],
  ]),
  ...rows('Postmark', [
    ['X-PM-Tag', 'a tag', 'welcome', tag],
    ['X-PM-Message-Stream', '`outbound` is transactional, `broadcast` is bulk', 'outbound', stream],
    ['X-PM-Metadata-*', 'one entry of metadata', '1042', metadata],
    ['X-PM-TrackOpens', 'track opens: `true` or `false`', 'true', yesNo('opens')],
    ['X-PM-TrackLinks', 'track clicks, unless `None`', 'HtmlAndText', trackLinks],
    ['X-PM-KeepID', 'no meaning here: the Message-ID is always kept', 'true', nothing],
  ]),
  ...rows('Mailgun', [
    ['X-Mailgun-Tag', 'a tag; may be repeated', 'welcome', tag],
    ['X-Mailgun-Deliver-By', 'when to begin, as Send-At', 'Tue, 24 Nov 2026 08:00:00 +0100', sendAt],
    ['X-Mailgun-Drop-Message', '`yes`: accept it, and do not send it', 'yes', yesNo('drop')],
    ['X-Mailgun-Track', 'track opens and clicks: `yes` or `no`', 'no', yesNo('track')],
    ['X-Mailgun-Track-Clicks', 'track clicks: `yes`, `no` or `htmlonly`', 'htmlonly', trackClicks],
    ['X-Mailgun-Track-Opens', 'track opens: `yes` or `no`', 'yes', yesNo('opens')],
    ['X-Mailgun-Variables', 'metadata, as a JSON object', '{"order": "1042"}', variables],
    ['X-Mailgun-Dkim', 'no meaning here: signing is the business of the domain', 'yes', nothing],
    ['X-Mailgun-Sending-Ip', 'no meaning here: upstreams have their own addresses', '192.0.2.1', nothing],
    ['X-Mailgun-Sending-Ip-Pool', 'no meaning here, for the same reason', 'pool', nothing],
    ['X-Mailgun-Skip-Verification', 'no meaning here: each upstream says what it verifies', 'no', nothing],
    [
      'X-Mailgun-Require-TLS',
      '`yes` is refused: behind the upstream nobody can promise it',
      'no',
      unless('nobody can promise TLS behind the upstream'),
    ],
    ['X-Mailgun-Recipient-Variables', 'refused: nothing is filled in', '', refused(NO_TEMPLATES)],
    ['X-Mailgun-Template-Name', 'refused: nothing is filled in', '', refused(NO_TEMPLATES)],
    ['X-Mailgun-Template-Version', 'refused: nothing is filled in', '', refused(NO_TEMPLATES)],
    ['X-Mailgun-Template-Variables', 'refused: nothing is filled in', '', refused(NO_TEMPLATES)],
  ]),
  ...rows('SES', [
    ['X-SES-CONFIGURATION-SET', 'metadata `configuration-set`', 'orders', label('configuration-set')],
    ['X-SES-MESSAGE-TAGS', 'metadata', 'campaign=autumn, order=1042', messageTags],
    [
      'X-SES-LIST-MANAGEMENT-OPTIONS',
      'refused: the contact list is at SES, and who left it would get mail',
      '',
      refused('contact lists are kept at SES'),
    ],
    [
      'X-SES-SOURCE-ARN',
      'no meaning here: credentials say who may send as whom',
      'arn:aws:ses:eu-west-1:1:identity/x',
      nothing,
    ],
    ['X-SES-FROM-ARN', 'no meaning here, for the same reason', 'arn:aws:ses:eu-west-1:1:identity/x', nothing],
    ['X-SES-RETURN-PATH-ARN', 'no meaning here, for the same reason', 'arn:aws:ses:eu-west-1:1:identity/x', nothing],
  ]),
  ...rows('SendGrid', [
    ['X-SMTPAPI', 'a JSON object, see below', '{"category": ["welcome"], "unique_args": {"order": "1042"}}', smtpApi],
  ]),
  ...rows('Postal', [['X-Postal-Tag', 'a tag', 'welcome', tag]]),
  ...rows('Resend', [['Resend-Idempotency-Key', 'as Idempotency-Key', 'order-1042', idempotencyKey]]),
];
