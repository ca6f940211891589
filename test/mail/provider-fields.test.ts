import { describe, expect, it } from 'vitest';
import { providerFields, readDeliveryMark } from '../../src/mail/provider-fields.ts';
import type { MessageId } from '../../src/mail/submission.ts';

const ID = '01HF7YAT00ABCDEFGHJKMNPQRS' as MessageId;

it.each([
  ['email-smtp.eu-west-1.amazonaws.com', `X-SES-MESSAGE-TAGS: postern=${ID}-3\r\n`],
  ['smtp.postmarkapp.com', `X-PM-Metadata-postern: ${ID}-3\r\n`],
  ['smtp.mailgun.org', `X-Mailgun-Variables: {"postern":"${ID}-3"}\r\n`],
  ['smtp.sendgrid.net', `X-SMTPAPI: {"unique_args":{"postern":"${ID}-3"}}\r\n`],
  ['smtp.example.com', ''],
])('mail through %s carries %j', (host, expected) => expect(providerFields(host, ID, 3)).toBe(expected));

it('names the message alone where a transaction has several recipients', () => {
  expect(providerFields('smtp.postmarkapp.com', ID, null)).toBe(`X-PM-Metadata-postern: ${ID}\r\n`);
});

describe('a mark', () => {
  it.each([
    [`${ID}-3`, { messageId: ID, n: 3 }],
    [`${ID}-1000`, { messageId: ID, n: 1000 }],
    [ID, { messageId: ID, n: null }],
    [`${ID}-`, null],
    [`${ID}-x`, null],
    [`${ID}-3\n`, null],
    [ID.toLowerCase(), null],
    ['42', null],
    ['', null],
  ])('%j is read as %j', (text, expected) => expect(readDeliveryMark(text)).toEqual(expected));
});
