import { expect, it } from 'vitest';
import { providerOfHost } from '../../../relay/faults/provider.ts';

it.each([
  ['email-smtp.eu-west-1.amazonaws.com', 'ses'],
  ['SMTP.SendGrid.net.', 'sendgrid'],
  ['smtp.eu.mailgun.org', 'mailgun'],
  ['smtp-relay.gmail.com', 'google'],
  ['aspmx.l.google.com', 'google'],
  ['smtp.office365.com', 'microsoft'],
  ['example-com.mail.protection.outlook.com', 'microsoft'],
  ['mta5.am0.yahoodns.net', 'yahoo'],
  ['mx01.mail.icloud.com', 'apple'],
  ['smtp.zoho.eu', 'zoho'],
  ['127.0.0.1', null],
  ['notgmail.com', null],
  ['gmail.com.example.net', null],
])('%s is of %s', (host, provider) => {
  expect(providerOfHost(host)).toBe(provider);
});
