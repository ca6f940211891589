// All rows, in the order in which they are asked: the first one that fits decides. Providers have the most particular
// words and come first; what any server says comes next; what only a code and a stage tell comes last.
import { accountFaults } from './accounts.ts';
import { appleFaults } from './apple.ts';
import { codeFaults } from './codes.ts';
import { contentFaults } from './content.ts';
import type { Fault } from './fault.ts';
import { gmailFaults } from './gmail.ts';
import { mailgunFaults } from './mailgun.ts';
import { microsoftFaults } from './microsoft.ts';
import { originFaults } from './origin.ts';
import { recipientFaults } from './recipients.ts';
import { relayFaults } from './relaying.ts';
import { senderFaults } from './senders.ts';
import { sendgridFaults } from './sendgrid.ts';
import { sesFaults } from './ses.ts';
import { smallerProviderFaults } from './smaller-providers.ts';
import { troubleFaults } from './trouble.ts';
import { yahooFaults } from './yahoo.ts';

/** By family, as docs/faults.md lists them. */
export const FAMILIES: Readonly<Record<string, readonly Fault[]>> = {
  'Amazon SES': sesFaults,
  SendGrid: sendgridFaults,
  Mailgun: mailgunFaults,
  'Brevo, Mailjet, SMTP2GO, SparkPost, Zoho': smallerProviderFaults,
  'Gmail and Google Workspace': gmailFaults,
  'Microsoft 365, Outlook.com and Exchange': microsoftFaults,
  'Yahoo and AOL': yahooFaults,
  'Apple iCloud': appleFaults,
  'Any server: our account': accountFaults,
  'Any server: relaying, login and encryption': relayFaults,
  'Any server: the sender': senderFaults,
  'Any server: the recipient': recipientFaults,
  'Any server: where it comes from': originFaults,
  'Any server: the message': contentFaults,
  'Any server: its own trouble': troubleFaults,
  'By code and stage alone': codeFaults,
};

export const FAULTS: readonly Fault[] = Object.values(FAMILIES).flat();
