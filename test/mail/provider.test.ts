import { expect, it } from 'vitest';
import { providerOfHost } from '../../src/mail/provider.ts';

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
  ['email-smtp-fips.us-east-1.amazonaws.com', 'ses'],
  ['vpce-0a-b.email-smtp.eu-west-1.vpce.amazonaws.com', 'ses'],
  ['email-smtp.cn-north-1.amazonaws.com.cn', 'ses'],
  ['inbound-smtp.eu-west-1.amazonaws.com', 'ses'],
  ['ec2-192-0-2-1.eu-west-1.compute.amazonaws.com', null],
  ['EMAIL-SMTP.US-GOV-WEST-1.AMAZONAWS.COM', 'ses'],
  ['smtp-broadcasts.postmarkapp.com.', 'postmark'],
  ['smtp.notsendgrid.net', null],
  ['smtp.sendgrid.net.example', null],
  ['', null],
  ['s3.amazonaws.com', null],
  ['127.0.0.1', null],
  ['notgmail.com', null],
  ['gmail.com.example.net', null],
])('%s is of %s', (host, provider) => {
  expect(providerOfHost(host)).toBe(provider);
});
