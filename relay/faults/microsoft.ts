// Microsoft: Exchange and Microsoft 365 as an upstream (smtp.office365.com, connectors), both and Outlook.com as the
// recipient's server.
import { type Fault, NOT_RCPT } from './fault.ts';

const NDR =
  'https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online';
const THROTTLING =
  'https://learn.microsoft.com/en-us/Exchange/mail-flow-best-practices/continuous-error-throttling-smtp-auth-submissions';
const SUBMISSION = 'https://learn.microsoft.com/en-us/exchange/troubleshoot/send-emails/smtp-submission-improvements';
const BLOCKED_TENANT = `${NDR}/fix-error-code-5-7-700-through-5-7-750`;
const SMTP_CODES = 'https://smtp.codes';

export const microsoftFaults: readonly Fault[] = [
  {
    // The sending mailbox, full of what it sent. It looks like a full mailbox of the recipient's.
    name: 'microsoft-own-mailbox-full',
    scope: 'upstream',
    opens: true,
    words: ['storedrv.submission.exception:quotaexceededexception'],
    source: SUBMISSION,
    example: [
      'final',
      '554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded',
    ],
  },
  {
    name: 'microsoft-submission-quota',
    scope: 'upstream',
    opens: true,
    words: ['submissionquotaexceededexception'],
    source: SUBMISSION,
    example: ['final', '554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException'],
  },
  {
    name: 'microsoft-send-as-denied',
    scope: 'sender',
    permanent: true,
    words: ['sendasdenied', 'permissions to send as this sender'],
    source: 'https://github.com/TYPO3-directmail/direct_mail/issues/267',
    example: [
      'final',
      '554 5.2.252 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message Cannot submit message.',
    ],
  },
  {
    name: 'microsoft-concurrent-connections',
    scope: 'upstream',
    slows: true,
    words: [
      'concurrent connections limit exceeded',
      'sender thread limit exceeded',
      'maximum number of concurrent connections',
    ],
    source: 'https://github.com/sabuhish/fastapi-mail/issues/75',
    example: [
      'data',
      '432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.',
    ],
  },
  {
    name: 'microsoft-errors-throttled',
    scope: 'upstream',
    opens: true,
    words: ['sender throttled due to continuous'],
    source: THROTTLING,
    example: ['final', '550 5.2.252 Sender throttled due to continuous send as denied errors.'],
  },
  {
    name: 'microsoft-outbound-blocked',
    scope: 'upstream',
    opens: true,
    words: ['bad outbound sender', 'tenant has exceeded threshold'],
    source: BLOCKED_TENANT,
    example: ['final', '550 5.7.705 Access denied, tenant has exceeded threshold'],
  },
  {
    name: 'microsoft-unregistered-domain',
    scope: 'sender',
    permanent: true,
    words: ['blocked from sending from unregistered domain'],
    source: BLOCKED_TENANT,
    example: ['final', '550 5.7.750 Client blocked from sending from unregistered domain'],
  },
  {
    // Its owner lets only known senders write there. "Authentication required" is what those are told from, not our login.
    name: 'microsoft-own-senders-only',
    scope: 'recipient',
    permanent: true,
    words: [
      'resolver.rst.authrequired',
      'resolver.rst.sendernotauthenticated',
      'resolver.rst.notauthorized',
      'resolver.rst.restrictedto',
    ],
    source: 'https://github.com/Xilinx/embeddedsw/issues/176',
    example: [
      'final',
      '550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed because the sender was not authenticated when sending to this group',
    ],
  },
  {
    name: 'microsoft-own-senders-only-by-code',
    scope: 'recipient',
    permanent: true,
    enhanced: ['7.124', '7.129', '7.133', '7.134', '7.135', '7.136'],
    source: NDR,
    example: [
      'final',
      "550 5.7.124 Sender not in allowed-senders list. The sender doesn't have permission to send to the distribution group because the sender isn't in the group's allowed-senders list.",
    ],
  },
  {
    name: 'microsoft-login-refused',
    scope: 'upstream',
    words: [
      'smtpclientauthentication is disabled',
      'client was not authenticated to send anonymous mail',
      'client not authenticated to send mail',
    ],
    source: 'https://github.com/simonrob/email-oauth2-proxy/issues/193',
    example: [
      'auth',
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.',
    ],
  },
  {
    name: 'microsoft-recipient-blocked-by-us',
    scope: 'recipient',
    permanent: true,
    words: ['are blocked by your organization', "your organization's tenant recipient block policy"],
    source: BLOCKED_TENANT,
    example: [
      'final',
      "550 5.7.703 Your message can't be delivered because one or more recipients are blocked by your organization's tenant recipient block policy",
    ],
  },
  {
    name: 'microsoft-recipient-rate',
    scope: 'recipient',
    words: [
      'recipient thread limit exceeded',
      'the recipient has exceeded their limit for the number of messages',
      'messages they can send to this recipient per hour',
      'organization queue quota exceeded',
    ],
    source: `${SMTP_CODES}/outlook`,
    example: [
      'rcpt',
      '554 5.2.122 The recipient has exceeded their limit for the number of messages they can receive per hour. For more information go to http://go.microsoft.com/fwlink/?LinkId=526653.',
    ],
  },
  {
    name: 'microsoft-recipient-access-denied',
    scope: 'recipient',
    permanent: true,
    enhanced: ['4.1'],
    words: ['recipient address rejected: access denied', 'recipient addresses rejected : access denied'],
    source: `${SMTP_CODES}/microsoft365`,
    example: [
      'final',
      '550 5.4.1 All recipient addresses rejected : Access denied [AM7EUR06FT048.eop-eur06.prod.protection.outlook.com]',
    ],
  },
  {
    name: 'microsoft-authentication-level',
    scope: 'sender',
    permanent: true,
    enhanced: ['7.515', '7.509'],
    source: `${SMTP_CODES}/outlook`,
    example: [
      'final',
      '550 5.7.515 Access denied, sending domain example.com does not meet the required authentication level.',
    ],
  },
  {
    name: 'microsoft-domain-listed',
    scope: 'sender',
    permanent: true,
    words: ['mailfrom domain is listed in'],
    source: `${SMTP_CODES}/outlook`,
    example: [
      'rcpt',
      '550 5.7.1 Service unavailable, MailFrom domain is listed in Spamhaus. To request removal from this list see https://www.spamhaus.org/query/lookup/ (S8002)',
    ],
  },
  {
    name: 'microsoft-address-reputation',
    scope: 'network',
    slows: true,
    words: [
      'banned sending ip',
      'traffic not accepted from this ip',
      'part of their network is on our block list',
      'temporarily rate limited due to ip reputation',
    ],
    source: `${SMTP_CODES}/outlook`,
    example: [
      'mail',
      "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150).",
    ],
  },
  {
    // Of the address; 5.7.501, 5.7.520 and 5.7.800 have the same words for other things.
    name: 'microsoft-address-banned',
    scope: 'network',
    permanent: true,
    enhanced: ['7.511'],
    source: 'https://github.com/MicrosoftDocs/microsoft-365-docs/issues/7518',
    example: [
      'rcpt',
      '550 5.7.511 Access denied, banned sender[192.0.2.1]. To request removal from this list please forward this message to delist@messaging.microsoft.com.',
    ],
  },
  {
    name: 'microsoft-server-busy',
    scope: 'upstream',
    slows: true,
    permanent: false,
    enhanced: ['7.500'],
    stages: NOT_RCPT,
    source: `${SMTP_CODES}/microsoft365`,
    example: ['mail', '451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712344)'],
  },
  {
    name: 'microsoft-transport-rule',
    scope: 'message',
    permanent: true,
    words: ['transport.rules.rejectmessage'],
    source: `${SMTP_CODES}/microsoft365`,
    example: ['final', '550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy'],
  },
];
