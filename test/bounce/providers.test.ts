import { expect, test } from 'vitest';
import { classifyBounce } from '../../bounce/index.ts';
import { findReplyCodes } from '../../bounce/report/reply-code.ts';

/** Replies as providers write them, and the reason; `=` in front of a reason where another policy reason would do as well. */
const replies: readonly (readonly [string, string])[] = [
  // Microsoft
  [
    "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
    'reputation',
  ],
  ['451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.', 'reputation'],
  ['550 5.7.515 Access denied, sending domain x.org does not meet the required authentication level.', 'auth_failure'],
  ['550 5.7.511 Access denied, banned sender[192.0.2.1].', 'reputation'],
  ['550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.', 'reputation'],
  ['452 4.5.3 Too many recipients (AS780090)', 'rate_limited'],
  ['550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup', 'no_mailbox'],
  [
    '554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded',
    'mailbox_full',
  ],
  ['550 5.7.64 TenantAttribution; Relay Access Denied', 'relay_denied'],
  ['550 5.4.14 Hop count exceeded - possible mail loop', 'network'],
  ['550 5.4.310 DNS domain x.example does not exist [Message=InfoDomainNonexistent]', 'no_domain'],
  ['550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).', 'no_mailbox'],
  ['550 5.4.1 [joe@x.org]: Recipient address rejected: Access denied. AS(201806281)', 'no_mailbox'],
  ['550 5.7.520 Access denied, Your organization does not allow external forwarding.', '=policy'],
  [
    '550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed because the sender was not authenticated when sending to this group',
    'restricted',
  ],
  ['550 5.7.1 RESOLVER.RST.AuthRequired; authentication required', 'restricted'],
  ['550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized', 'restricted'],
  ['530 5.7.1 Authentication required', 'security'],
  // Google
  [
    "550-5.7.1 [192.0.2.1] The IP you're using to send mail is not authorized to send email directly to our servers.",
    'reputation',
  ],
  ['450-4.2.1 The user you are trying to contact is receiving mail too quickly.', 'rate_limited'],
  ['452-4.2.2 The email account that you tried to reach is over quota.', 'mailbox_full'],
  ['550-5.4.5 Daily SMTP relay sending limit exceeded for user.', 'rate_limited'],
  ['550-5.7.1 Our system has detected that this message is likely unsolicited mail.', 'spam'],
  ["552-5.2.3 Your message exceeded Google's message size limits.", 'message_too_big'],
  ["553-5.1.2 We weren't able to find the recipient domain. Please check for any spelling errors", 'no_domain'],
  ['550-5.7.27 Your email has been blocked because the sender is unauthenticated. SPF did not pass', 'auth_failure'],
  [
    '550-5.2.1 The email account that you tried to reach is inactive. 5.2.1 https://support.google.com/mail/?p=DisabledUser',
    'mailbox_disabled',
  ],
  // Yahoo, AOL, Apple
  [
    "554 delivery error: dd This user doesn't have a yahoo.com account (joe@yahoo.com) [0] - mta1.mail.yahoo.com",
    'no_mailbox',
  ],
  [
    '554 30 Sorry, your message to joe@yahoo.com cannot be delivered. This mailbox is disabled (554.30).',
    'mailbox_disabled',
  ],
  ['421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints', 'reputation'],
  ['552 1 Requested mail action aborted, mailbox not found', 'no_mailbox'],
  ['550 5.1.1 <joe@aol.com>: Recipient address rejected: aol.com', 'no_mailbox'],
  ['554- (RTR:BL) https://postmaster.aol.com/error-codes#554rtrbl', 'reputation'],
  ['450 4.2.2 joe@icloud.com: user is overquota', 'mailbox_full'],
  ['554 5.7.1 [CS01] Message rejected due to local policy.', '=policy'],
  // Germany, France
  [
    '550-5.7.1 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.) (BL)',
    'reputation',
  ],
  [
    '550 Requested action not taken: mailbox unavailable For explanation visit https://postmaster.gmx.net/en/case?c=bu',
    'no_mailbox',
  ],
  ['554 Transaction failed Reject due to policy restrictions. c=hi', '=policy'],
  ['550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR204_416 [416]', 'no_mailbox'],
  ['552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]', 'mailbox_full'],
  ['550 5.7.1 Mail rejete. Mail rejected. OFR_506 [506]', '=spam'],
  ['550 5.2.1 This mailbox has been blocked due to inactivity (UserBlockedInactivity)', 'mailbox_disabled'],
  ['550 5.1.1 Benutzer hat zuviele Mails auf dem Server', 'mailbox_full'],
  // USA
  ['550 5.1.1 Not our Customer', 'no_mailbox'],
  [
    '550 5.7.1 Connections not accepted from servers without a valid sender domain. Fix reverse DNS for 192.0.2.1',
    'no_ptr',
  ],
  ['550 4.2.1 mailbox temporarily disabled: joe@verizon.example', 'mailbox_disabled'],
  ['421 - too many sessions from 192.0.2.1 AUP#CXCNCT', 'rate_limited'],
  ['550 5.7.1 Message blocked: see http://ipcheck.proofpoint.com/?ip=192.0.2.1', 'reputation'],
  ['550 permanent failure for one or more recipients (joe@x.org:blocked)', '=policy'],
  ['550 Administrative prohibition - envelope blocked - https://community.mimecast.com/docs/DOC-1369#550', '=policy'],
  ['550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550', 'no_mailbox'],
  ['421 4.7.1 Intrusion prevention active for [192.0.2.1]', '=reputation'],
  ['550 5.7.1 Command rejected', '=policy'],
  // Russia, China, Japan
  [
    '550 Message was not accepted -- invalid mailbox.  Local mailbox joe@mail.ru is unavailable: user not found',
    'no_mailbox',
  ],
  ['550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=abc', 'spam'],
  ['554 5.7.1 [1] Message rejected under suspicion of SPAM', 'spam'],
  ['550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?subtype=1', 'no_mailbox'],
  ['550 Mail content denied. http://service.mail.qq.com/cgi-bin/help', '=content_rejected'],
  ['550 Domain frequency limited [192.0.2.1]', 'rate_limited'],
  ['550 Mail is rejected by recipients', 'filtered'],
  ['554 DT:SPM 163 mx13,abc', 'spam'],
  ['550 User not found: joe@163.com', 'no_mailbox'],
  ['550 Unknown user joe@docomo.ne.jp', 'no_mailbox'],
  ['550 Invalid recipient: <joe@softbank.ne.jp>', 'no_mailbox'],
  ['550 5.2.0 Message filtered', 'filtered'],
  // Programs
  ["Sorry, I couldn't find any host named x.example. (#5.1.2)", 'no_domain'],
  ["Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)", '=network'],
  ["sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", 'relay_denied'],
  ['Sorry, message has wrong owner. (#4.3.5)', 'system'],
  ['Unrouteable address', 'no_mailbox'],
  ['all relevant MX records point to non-existent hosts', 'no_mail_service'],
  ['retry timeout exceeded', 'expired'],
  ['unknown user: "joe"', 'no_mailbox'],
  ['mail forwarding loop for joe@x.org', 'network'],
  ['Command time limit exceeded: "/usr/lib/dovecot/deliver"', 'system'],
  ['lost connection with mx.example.org[192.0.2.1] while receiving the initial server greeting', 'network'],
  ['cannot update mailbox /var/mail/joe for user joe. error writing message: File too large', '=mailbox_full'],
  [
    "maildir delivery failed: Sorry, the user's maildir has overdrawn his diskspace quota, please try again later.",
    'mailbox_full',
  ],
  ['User joe@x.org does not exist here', 'no_mailbox'],
  ['551 not our customer', 'no_mailbox'],
  ['553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)', '=sender_rejected'],
  ['550 Sender denied', '=sender_rejected'],
  [
    '554 5.7.1 The message from (<a@x.org>) with the subject of (hi) matches a profile the Internet community may consider spam',
    'spam',
  ],
  ['550 5.7.1 Recipient rejected: not accepting mail from outside', '=filtered'],
  ['550 High probability of spam', 'spam'],
  ['554 5.6.0 Message contains executable attachment', '=content_rejected'],
  ['550 5.7.1 This message has been blocked because it contains a virus', 'virus'],
  ['550 Mailbox has exceeded the limit', 'mailbox_full'],
  ['452 4.3.1 Insufficient system resources', 'system'],
  ['451 4.3.0 Temporary lookup failure', 'system'],
  ['421 4.3.2 Service not available, closing transmission channel', '=system'],
  ['501 5.1.3 Bad recipient address syntax', 'no_mailbox'],
  ['503 5.5.1 Error: need RCPT command', 'protocol'],
  ['502 5.5.2 Error: command not recognized', 'protocol'],
  ['500 5.5.1 Command unrecognized', 'protocol'],
  ['550 User not recognized', 'no_mailbox'],
  ['550 5.1.1 recipient no longer on server: joe@x.org', 'no_mailbox'],
];

const alike = [
  [
    'policy',
    'spam',
    'reputation',
    'security',
    'content_rejected',
    'sender_rejected',
    'auth_failure',
    'noncompliant',
    'rate_limited',
    'virus',
    'no_ptr',
    'greylisted',
  ],
  ['system', 'network', 'expired', 'protocol', 'relay_denied', 'mailbox_full', 'rate_limited'],
  ['filtered', 'policy', 'mailbox_disabled'],
];

test.each(replies)('%s → %s', (reply, wanted) => {
  const { reason } = classifyBounce({ ...findReplyCodes(reply), diagnostic: reply, action: 'failed' });
  const exact = wanted.replace('=', '');
  const accepted = wanted.startsWith('=') ? [exact, ...alike.filter(group => group.includes(exact)).flat()] : [exact];
  expect(accepted).toContain(reason);
});
