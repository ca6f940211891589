// Who is at fault, by what the providers and servers of the field really say. Each line: the stage, the reply, the scope.
// Where they were seen: the pages and issues that relay/faults/ names for its rows, https://smtp.codes, the samples of
// sisimai/set-of-emails, and the programs themselves.
import { describe, expect, it } from 'vitest';
import { judgeReply } from '../../../relay/faults/judge.ts';
import type { Provider } from '../../../src/mail/provider.ts';
import type { Scope, Stage } from '../../../src/mail/upstream.ts';
import { replyOf } from './said.ts';

type Line = [Stage, string, Scope];

const REPLIES: Record<string, { provider?: Provider; said: Line[] }> = {
  'Amazon SES': {
    provider: 'ses',
    said: [
      ['mail', '530 Authentication required', 'upstream'],
      ['auth', '535 Authentication Credentials Invalid', 'upstream'],
      ['auth', '454 Temporary authentication failure', 'upstream'],
      ['banner', '421 Too many concurrent SMTP connections', 'upstream'],
      ['final', '454 Throttling failure: Maximum sending rate exceeded.', 'upstream'],
      ['final', '454 Throttling failure: Daily message quota exceeded.', 'upstream'],
      ['final', '454 Temporary service failure', 'upstream'],
      ['final', '451 Temporary service failure', 'message'],
      ['data', '451 Timeout waiting for data from client', 'upstream'],
      [
        'final',
        '554 Message rejected: Email address is not verified. The following identities failed the check in region AP-NORTHEAST-1: nekochan@example.jp',
        'sender',
      ],
      [
        'final',
        '554 Message rejected: Sending paused for this account. For more information, please check the inbox of the email address associated with your AWS account.',
        'upstream',
      ],
      ['mail', '530 Must issue a STARTTLS command first', 'upstream'],
      ['final', '552 Message is too long', 'message'],
    ],
  },
  SendGrid: {
    provider: 'sendgrid',
    said: [
      ['rcpt', '451 Maximum credits exceeded', 'upstream'],
      ['mail', '451 Authentication failed: Maximum credits exceeded', 'upstream'],
      ['data', "451 You've exceeded your messaging limits", 'upstream'],
      ['data', '451 You have exceeded your messaging limits', 'upstream'],
      ['mail', '550 Unauthenticated senders not allowed', 'upstream'],
      ['final', '550 The from address does not match a verified Sender Identity.', 'sender'],
      ['rcpt', '451 Temporary local problem - please try later', 'recipient'],
    ],
  },
  Mailgun: {
    provider: 'mailgun',
    said: [
      ['rcpt', '550 5.7.1 Relaying denied', 'upstream'],
      [
        'auth',
        '535 5.7.0 Your account is on probation and domains are limited to 100 messages / hour. Account will be enabled in 2081 seconds',
        'upstream',
      ],
      [
        'final',
        '554 Sandbox subdomains are for test purposes only. Please add your own domain or add the address to authorized recipients in domain settings.',
        'upstream',
      ],
    ],
  },
  Postmark: {
    provider: 'postmark',
    said: [['auth', '535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6', 'upstream']],
  },
  SparkPost: {
    provider: 'sparkpost',
    said: [
      ['auth', '535 5.7.8 Sorry. *** No authentication type succeeded', 'upstream'],
      ['final', '550 5.7.1 Unconfigured Sending Domain <mapzen.com>', 'sender'],
      ['rcpt', '454 4.4.4 [internal] no MX or A for domain', 'recipient'],
    ],
  },
  'Brevo and Mailjet': {
    said: [
      ['auth', '535 5.7.0 Invalid login or password', 'upstream'],
      ['final', '550 From header is missing, header is not RFC 5322 compliant', 'message'],
      ['auth', '435 4.7.8 Error: authentication failed:', 'upstream'],
    ],
  },
  Zoho: {
    provider: 'zoho',
    said: [
      ['mail', '530 Must issue a STARTTLS command first.', 'upstream'],
      ['auth', '535 Authentication Failed.', 'upstream'],
      ['auth', '554 5.1.8 Sender Address Blocked', 'upstream'],
      ['rcpt', '452 <example@zoho.com> Mailbox delivery restricted by policy error', 'recipient'],
      ['mail', '452 4.3.1 Temporary System Error', 'upstream'],
      ['final', '550 5.7.1 Email rejected per DMARC policy for example.com', 'sender'],
      ['rcpt', '550 5.1.1 <example@zoho.com> User unknown', 'recipient'],
      ['final', '554 5.2.3 MailPolicy violation Error delivering to mailboxes,mx.zoho.com', 'message'],
      ['rcpt', '541 5.4.1 Mail rejected by destination domain', 'recipient'],
    ],
  },
  Gmail: {
    provider: 'google',
    said: [
      ['rcpt', '550 5.1.1 The email account that you tried to reach does not exist.', 'recipient'],
      [
        'rcpt',
        "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550-5.1.1 unnecessary spaces. Learn more at\n550 5.1.1  https://support.google.com/mail/?p=NoSuchUser 000000000000",
        'recipient',
      ],
      [
        'rcpt',
        '550 5.2.1 The email account that you tried to reach is inactive. Learn more at https://support.google.com/mail/?p=DisabledUser - gsmtp',
        'recipient',
      ],
      ['rcpt', "452 4.2.2 The recipient's inbox is out of storage space.", 'recipient'],
      ['rcpt', "552 5.2.2 The recipient's inbox is out of storage space and inactive.", 'recipient'],
      [
        'rcpt',
        '452 4.2.2 The email account that you tried to reach is over quota. Please direct the recipient to https://support.google.com/mail/?p=OverQuotaTemp - gsmtp',
        'recipient',
      ],
      ['rcpt', '450 4.2.1 The user you are trying to contact is receiving mail too quickly.', 'recipient'],
      [
        'rcpt',
        '550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered.',
        'recipient',
      ],
      [
        'rcpt',
        '452 4.5.3 Domain policy size per transaction exceeded, please try this recipient in a separate transaction.',
        'recipient',
      ],
      ['rcpt', '452 4.5.3 Your message has too many recipients.', 'recipient'],
      ['final', '550 5.7.26 This mail has been blocked because the sender is unauthenticated.', 'sender'],
      [
        'final',
        "550 5.7.26 Unauthenticated email from libsisimai.org is not accepted due to domain's DMARC policy. Please contact the administrator of libsisimai.org domain if this was a legitimate mail.",
        'sender',
      ],
      [
        'final',
        '550-5.7.26 The MAIL FROM domain [email.example.jp] has an SPF record with a hard fail\n550-5.7.26 policy (-all) but it fails to pass SPF checks with the ip: 192.0.2.22.',
        'sender',
      ],
      [
        'final',
        '421 4.7.26 This email has been rate limited because it is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM.',
        'sender',
      ],
      [
        'final',
        "421 4.7.30 Your email has been rate limited because DKIM authentication didn't pass for this message.",
        'sender',
      ],
      [
        'final',
        "421 4.7.40 Your email has been rate limited because the sending domain doesn't have a DMARC record, or the DMARC record doesn't specify a DMARC policy.",
        'sender',
      ],
      [
        'final',
        "421 4.7.32 Your email has been rate limited because the From: header (RFC5322) in this message isn't aligned with either the authenticated SPF or DKIM organizational domain.",
        'sender',
      ],
      ['final', "550 5.7.27 This message was blocked because it didn't pass SPF authentication.", 'sender'],
      [
        'final',
        '421 4.7.0 This message is suspicious due to the very low reputation of the sending domain. To best protect our users from spam, the message has been blocked.',
        'sender',
      ],
      [
        'final',
        '421 4.7.0 This message is suspicious due to the very low reputation of the sending IP address. To protect our users from spam, email sent from your IP address has been temporarily rate limited.',
        'network',
      ],
      [
        'final',
        '550-5.7.1 [192.0.2.22 18] Our system has detected that this message is\n550-5.7.1 likely suspicious due to the very low reputation of the sending IP\n550-5.7.1 address.',
        'network',
      ],
      [
        'final',
        '421 4.7.0 This message is suspicious due to the nature of the content or the links within. To best protect our users from spam, the message has been blocked.',
        'message',
      ],
      ['final', '550 5.7.1 Our system has detected that this message is likely unsolicited mail.', 'message'],
      [
        'final',
        '550-5.7.1 [192.0.2.222 13] Messages with multiple addresses in From:\n550 5.7.1 header are not accepted.',
        'message',
      ],
      [
        'final',
        '550 5.7.1 [192.254.117.55 14] Messages missing a valid address in From: header, or having no From: header, are not accepted. x56si6451488edb.348 - gsmtp',
        'message',
      ],
      [
        'final',
        '552-5.7.0 This message was blocked because its content presents a potential\n552-5.7.0 security issue.',
        'message',
      ],
      ['final', '421 4.7.0 Temporary System Problem. Try again later.', 'upstream'],
      ['mail', '421 4.4.5 Server busy, try again later.', 'upstream'],
      ['rcpt', '421 4.7.0 TLS required for RCPT domain, closing connection.', 'upstream'],
      ['rcpt', '421 4.7.0 IP not in whitelist for RCPT domain, closing connection.', 'network'],
      ['final', '421 4.7.28 Our system has detected an unusual rate of unsolicited mail', 'network'],
      [
        'final',
        '421 4.7.28 Gmail has detected an unusual rate of unsolicited email originating from your DKIM domain example.com. To protect our users from spam, email sent from your domain has been temporarily rate limited.',
        'sender',
      ],
      [
        'final',
        '550-5.7.25 [192.0.2.202] The IP address sending this message does not have a\n550-5.7.25 PTR record setup, or the corresponding forward DNS entry does not\n550-5.7.25 point to the sending IP.',
        'network',
      ],
      ['final', '550 5.4.5 Daily user sending limit exceeded.', 'upstream'],
      [
        'final',
        '550-5.7.1 Daily SMTP relay limit exceeded for customer. For more information on\n550-5.7.1 SMTP relay sending limits please contact your administrator or visit\n550 5.7.1  https://support.google.com/a/answer/6140680#dailylimit - gsmtp',
        'upstream',
      ],
      [
        'final',
        "550-5.7.1 [1.123.123.123] The IP you're using to send mail is not authorized to\n550-5.7.1 send email directly to our servers.",
        'network',
      ],
      ['final', "552 5.3.4 Your message exceeded Google's message size limits.", 'message'],
      ['final', '554 5.4.6 Message exceeded 50 hops, this may indicate an email loop.', 'message'],
      ['final', '554 5.6.0 Email message is malformed. Not accepted.', 'message'],
      ['mail', '530 5.7.0 Authentication required.', 'upstream'],
      ['auth', '535 5.7.8 Username and Password not accepted.', 'upstream'],
      ['auth', '454 4.7.0 Too many login attempts, please try again later.', 'upstream'],
    ],
  },
  'Microsoft 365, Exchange and Outlook.com': {
    provider: 'microsoft',
    said: [
      ['rcpt', '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup', 'recipient'],
      ['final', '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found', 'recipient'],
      ['final', '550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient', 'message'],
      ['rcpt', '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain', 'upstream'],
      ['rcpt', '550 5.7.1 Unable to relay for paris.team@parisoptimalplanning.com', 'upstream'],
      ['final', '550 5.7.60 SMTP; Client does not have permissions to send as this sender', 'sender'],
      ['mail', '530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM', 'upstream'],
      ['auth', '535 5.7.3 Authentication unsuccessful', 'upstream'],
      ['rcpt', '452 4.5.3 Too many recipients (AS780090)', 'recipient'],
      ['final', '550 5.7.515 Access denied, sending domain does not meet the required authentication level.', 'sender'],
      ['mail', '451 4.7.500 Server busy. Please try again later', 'upstream'],
      ['mail', '452 4.3.1 Insufficient system resources', 'upstream'],
      ['data', '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded', 'upstream'],
      ['rcpt', '432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded', 'recipient'],
      [
        'final',
        '554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionQuotaExceeded',
        'upstream',
      ],
      ['final', '550 5.2.251 Sender throttled due to continuous mailbox full errors.', 'upstream'],
      ['final', '550 5.1.8 Access denied, bad outbound sender', 'upstream'],
      ['mail', '550 5.7.708 Access denied, traffic not accepted from this IP', 'network'],
      [
        'rcpt',
        '550 5.7.606 Access denied, banned sending IP [198.51.100.222]. To request removal from this list please visit https://sender.office.com/ and follow the directions.',
        'network',
      ],
      [
        'rcpt',
        '550 5.7.1 Service unavailable, Client host [3.211.34.40] blocked using Spamhaus. To request removal from this list see https://www.spamhaus.org/query/ip/3.211.34.40 (AS16012611)',
        'network',
      ],
      [
        'mail',
        '550 5.7.1 Service unavailable, Helo domain is listed in Spamhaus. To request removal from this list see https://www.spamhaus.org/query/lookup/ (S8001)',
        'network',
      ],
      [
        'rcpt',
        '451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://postmaster.live.com (S843)',
        'network',
      ],
      ['rcpt', '550 5.5.0 Requested action not taken: mailbox unavailable.', 'recipient'],
      ['rcpt', '550 5.4.1 [email@example.com]: Recipient address rejected: Access denied [example.com]', 'recipient'],
      [
        'rcpt',
        '554 5.2.121 The sender has exceeded the limit for the number of messages they can send to this recipient per hour.',
        'recipient',
      ],
      ['rcpt', '450 4.7.3 Organization queue quota exceeded. [outlook.com]', 'recipient'],
      [
        'banner',
        '421 4.3.2 The maximum number of concurrent connections per resource forest has exceeded a limit, closing transmission channel.',
        'upstream',
      ],
      ['data', '451 4.3.2 Temporary server error. Please try again later ATTR17 [outlook.com]', 'upstream'],
      ['final', '554 5.4.14 Hop count exceeded - possible mail loop ATTR34', 'message'],
      [
        'final',
        "550 5.1.0 192.0.2.222 is not allowed to send from <example.net> per it's SPF Record. Please inspect your SPF settings, and try again. IB508",
        'sender',
      ],
      ['final', '550 5.4.310 DNS domain yaloc.moc does not exist [Message=InfoDomainNonexistent]', 'recipient'],
    ],
  },
  'Yahoo and Comcast': {
    provider: 'yahoo',
    said: [
      [
        'mail',
        '421 4.7.0 [TSS04] Messages from 78.225.183.108 temporarily deferred due to user complaints - 4.16.55.1; see https://help.yahoo.com/kb/postmaster/SLN3434.html',
        'network',
      ],
      ['mail', '421 4.7.1 [TS03] All messages from x.x.x.x permanently deferred', 'network'],
      ['data', '421 Max message per connection reached, closing transmission channel', 'upstream'],
      ['rcpt', '450 User is receiving mail too quickly', 'recipient'],
      ['rcpt', '452 temporary domain failure <example@example.com>', 'recipient'],
      ['rcpt', '550 relaying denied for <example@example.com>', 'upstream'],
      ['final', '552 1 Requested mail action aborted, mailbox not found', 'recipient'],
      [
        'final',
        '554 delivery error: dd Sorry, your message to example@example.com cannot be delivered. This mailbox is disabled (554.30). - example.yahoo.com',
        'recipient',
      ],
      [
        'final',
        '554 delivery error: dd example@example.com is no longer valid. [-20] - example.yahoo.com',
        'recipient',
      ],
      [
        'final',
        '554 5.7.9 Message not accepted for policy reasons. See https://postmaster.verizonmedia.com/error-codes',
        'message',
      ],
      ['final', '554 Message not allowed - Headers are not RFC compliant[291]', 'message'],
      [
        'banner',
        '554 resimta-po-01v.sys.comcast.net comcast 192.0.2.1 Comcast requires that all mail servers must have a PTR record with a valid Reverse DNS entry.',
        'network',
      ],
      [
        'banner',
        '554 resimta-po-01v.sys.comcast.net comcast 192.0.2.1 Comcast block for spam. Please see http://postmaster.comcast.net/smtp-error-codes.php#BL000000',
        'network',
      ],
      ['rcpt', '552 5.1.1 <example@comcast.net> recipient rejected - extended quota violation', 'recipient'],
      ['rcpt', '452 4.1.1 <example@comcast.net> too many recent messages; Try again later', 'recipient'],
    ],
  },
  iCloud: {
    provider: 'apple',
    said: [
      ['rcpt', '550 5.1.1 <example@icloud.com>: user does not exist', 'recipient'],
      ['rcpt', '550 5.1.1 <test-of-zhzkndneko@privaterelay.appleid.com>: user not found', 'recipient'],
      ['final', '552 5.2.2 <example@icloud.com>: user is overquota', 'recipient'],
      ['mail', '451 4.7.1 Service unavailable - try again later', 'upstream'],
      ['final', '550 5.7.1 Your message was rejected due to example.com DMARC policy.', 'sender'],
      [
        'banner',
        '550 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=78.225.183.108',
        'network',
      ],
      ['mail', '421 4.7.0 me.com Error: too many errors', 'upstream'],
      ['rcpt', '554 5.7.1 <example@icloud.com>: Relay access denied', 'upstream'],
    ],
  },
  Postfix: {
    said: [
      [
        'rcpt',
        '550 5.1.1 <x@example.net>: Recipient address rejected: User unknown in local recipient table',
        'recipient',
      ],
      [
        'rcpt',
        '550 5.1.1 <neko@example.co.jp>: Recipient address rejected: User unknown in virtual mailbox table',
        'recipient',
      ],
      ['rcpt', '554 5.7.1 <x@example.net>: Relay access denied', 'upstream'],
      ['rcpt', '454 4.7.1 <x@example.net>: Relay access denied', 'upstream'],
      [
        'rcpt',
        '450 4.2.0 <xo@wvvw.me>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/wvvw.me.html',
        'recipient',
      ],
      [
        'rcpt',
        '450 4.7.1 <asesturb@stz.flash.tv.br>: Recipient address rejected: Greylisted for 300 seconds (see http://www.flash.tv.br/grey)',
        'recipient',
      ],
      ['rcpt', '451 4.3.0 <MYEMAIL@gmail.com>: Temporary lookup failure', 'upstream'],
      ['rcpt', '553 5.7.1 <a@example.com>: Sender address rejected: not owned by user app', 'sender'],
      ['rcpt', '553 5.7.1 <a@example.com>: Sender address rejected: not logged in', 'upstream'],
      ['rcpt', '450 4.1.8 <a@example.invalid>: Sender address rejected: Domain not found', 'sender'],
      ['rcpt', '450 4.1.2 <x@example.invalid>: Recipient address rejected: Domain not found', 'recipient'],
      ['rcpt', '504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname', 'network'],
      ['rcpt', '450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]', 'network'],
      ['mail', '452 4.3.1 Insufficient system storage', 'upstream'],
      ['mail', '552 5.3.4 Message size exceeds fixed limit', 'message'],
      ['mail', '450 4.7.1 Error: too much mail from 192.0.2.1', 'upstream'],
      ['final', '451 4.3.0 Error: queue file write error', 'upstream'],
      ['final', '550 5.7.1 Content rejected', 'message'],
      ['final', '550 5.7.1 Command rejected', 'message'],
      ['banner', '554 5.7.1 Service unavailable', 'upstream'],
      ['banner', '421 4.7.0 mx Error: too many connections from 192.0.2.1', 'upstream'],
      ['banner', '450 4.3.2 Service currently unavailable', 'upstream'],
      ['mail', '530 5.7.0 Must issue a STARTTLS command first', 'upstream'],
      ['tls', '454 4.7.0 TLS not available due to local problem', 'upstream'],
      [
        'rcpt',
        '450 4.7.1 <name@example.com>: Recipient address rejected: Policy Rejection- Quota Exceeded.',
        'upstream',
      ],
    ],
  },
  Exim: {
    said: [
      ['rcpt', '550 relay not permitted', 'upstream'],
      ['rcpt', '550 Unknown user', 'recipient'],
      ['rcpt', '550 Unrouteable address', 'recipient'],
      ['rcpt', '451 Temporary local problem - please try later', 'recipient'],
      ['rcpt', '550 Sender verification failed', 'sender'],
      ['rcpt', '550 [SPF] 192.0.2.1 is not allowed to send mail from example.com.', 'sender'],
      [
        'rcpt',
        '550 sender IP address 192.0.2.1 is locally blacklisted here. If you think this is wrong, get in touch with postmaster',
        'network',
      ],
      [
        'rcpt',
        '550 sender envelope address a@example.com is locally blacklisted here. If you think this is wrong, get in touch with postmaster',
        'sender',
      ],
      ['final', '550 Administrative prohibition', 'message'],
      ['final', '550 maximum allowed line length is 998 octets, got 1200', 'message'],
      ['mail', '421 Too many concurrent SMTP connections; please try again later.', 'upstream'],
      ['mail', '552 Message size exceeds maximum permitted', 'message'],
      ['rcpt', '550-Please turn on SMTP Authentication in your mail client.', 'upstream'],
    ],
  },
  'Sendmail, qmail, Courier, OpenSMTPD, Haraka and others': {
    said: [
      ['rcpt', '550 5.7.1 <x@example.org>... Relaying denied. Proper authentication required.', 'upstream'],
      ['rcpt', '450 4.4.0 Relaying temporarily denied. Cannot resolve PTR record for 192.0.2.1', 'upstream'],
      ['rcpt', '550 5.7.1 Relaying denied. IP name lookup failed [192.0.2.1]', 'upstream'],
      ['rcpt', '550 5.1.1 <userunknown@example.org>... User Unknown', 'recipient'],
      ['rcpt', '550 5.2.1 Mailbox disabled for this recipient', 'recipient'],
      ['mail', '452 4.4.5 Insufficient disk space; try again later', 'upstream'],
      [
        'mail',
        '553 5.1.8 <httpd@host1.mx.example.jp>... Domain of sender address httpd@host1.mx.example.jp does not exist',
        'sender',
      ],
      ['mail', '552 5.2.3 Message size exceeds fixed maximum message size (5242880)', 'message'],
      ['final', '554 5.7.1 Command rejected', 'message'],
      ['rcpt', "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", 'upstream'],
      ['rcpt', '511 sorry, no mailbox here by that name (#5.1.1 - chkuser)', 'recipient'],
      ['mail', "511 sorry, can't find a valid MX for sender domain (#5.1.1 - chkuser)", 'sender'],
      ['rcpt', '553 sorry, your envelope recipient is in my badrcptto list (#5.7.1)', 'recipient'],
      ['rcpt', '550 Invalid recipient', 'recipient'],
      ['final', '554 5.3.4 Message too big for system: Transaction failed, message too big', 'message'],
      ['rcpt', '452 4.5.3 Too many recipients', 'recipient'],
      ['mail', '550 Authentication required', 'upstream'],
      ['mail', '550 Message too big!', 'message'],
      ['mail', "550 Envelope domain 'a.example' doesn't match AUTH domain 'b.example'", 'sender'],
      ['banner', '554 rDNS Lookup Failed', 'network'],
      ['rcpt', '550 I cannot deliver mail for x@example.net', 'upstream'],
      ['final', '530 From/Sender name is not valid', 'sender'],
      ['mail', '501 mail from address must be same as authorization user', 'sender'],
      [
        'rcpt',
        '450 4.2.0 <email@example.com>: Recipient address rejected: example.com greylisted for 60 seconds by ZEROSPAM',
        'recipient',
      ],
      [
        'rcpt',
        '554 5.2.2 <example@free.fr>: Recipient address rejected: Quota exceeded (mailbox for user is full)',
        'recipient',
      ],
      [
        'banner',
        '554-mail.com (mxgmxus002) Nemesis ESMTP Service not available\n554-No SMTP service\n554-Bad DNS PTR resource record.',
        'network',
      ],
      [
        'rcpt',
        '550 mwinf5c14 ME Adresse IP source bloquee pour incident de spam. Client host blocked for spamming issues. OFR006_102',
        'network',
      ],
      ['rcpt', '521-5.7.1 Service unavailable; client [203.0.113.225] blocked using dnsbl.sorbs.net', 'network'],
      [
        'final',
        '550 5.7.1 This message was not accepted due to domain (libsisimai.org) owner DMARC policy (RFC 7489) https://help.mail.ru/mail-help/postmaster/dmarc',
        'sender',
      ],
      [
        'final',
        '550 Message was not accepted -- invalid mailbox. Local mailbox recipient.two@example.test is unavailable: user not found',
        'recipient',
      ],
      ['final', '554 5.7.1 [1] Message rejected under suspicion of SPAM; https://ya.cc/1IrBc', 'message'],
      ['final', '550 5.7.1 Message content rejected, UBE, id=22220-02-222', 'message'],
      ['final', '550 Virus Detected; Content Rejected', 'message'],
      ['rcpt', '550 5.7.1 Policy rejection on the target address', 'recipient'],
      ['rcpt', '552 Too many recipients', 'upstream'],
    ],
  },
};

describe.each(Object.entries(REPLIES))('who is at fault when %s says', (_who, { provider, said }) => {
  it.each(said)('at %s: %s', (stage, reply, scope) => {
    expect(judgeReply(stage, replyOf(reply), provider ?? null)).toMatchObject({ scope });
  });
});

describe('before MAIL, whatever is said', () => {
  it.each<[Stage, string]>([
    ['connect', '554 5.1.1 no such user'],
    ['tls', '454 4.7.0 TLS not available'],
    ['ehlo', '550 5.1.1 go away'],
    ['auth', '550 5.2.2 mailbox full'],
    ['banner', '554 your message looks like spam'],
  ])('at %s: %s is the upstream’s', (stage, said) => {
    expect(judgeReply(stage, replyOf(said), null)).toMatchObject({ scope: 'upstream' });
  });
});
