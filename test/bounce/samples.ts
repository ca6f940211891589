/**
 * Bounces in the words of many systems, written by us after their formats, and what each means.
 * One a family at least: name, message, then `recipient reason hard` for each recipient, in order.
 */
export interface Sample {
  readonly name: string;
  readonly message: string;
  readonly expected: readonly string[];
}

export const samples: readonly Sample[] = [
  {
    name: 'kerio',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: postmaster@mail.acme.com
To: sender@x.org
Subject: Delivery Status Notification (Failure)

Your message could not be delivered to the following recipients:

  bob@example.net
  550 5.1.1 User unknown
`,
  },
  {
    name: 'hmailserver',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: mailer-daemon@host.example
To: sender@x.org
Subject: Message undeliverable: Hello

Your message did not reach some or all of the intended recipients.

   Sent: Thu, 1 Jan 2009 10:00:00 +0100
   Subject: Hello

The following recipient(s) could not be reached:

bob@example.net
   Error Type: SMTP
   Remote server (192.0.2.1) issued an error.
   hMailServer sent: RCPT TO:<bob@example.net>
   Remote server replied: 550 5.1.1 <bob@example.net>: User unknown

hMailServer
`,
  },
  {
    name: 'mailenable',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: <postmaster@me.example>
To: <sender@x.org>
Subject: Message Delivery Failure

MailEnable: Message Delivery Failure.

The following recipient(s) could not be reached:

Recipient: [SMTP:bob@example.net]
Reason: Remote SMTP Server Returned: 550 No such user here

Message headers follow:

Received: from x
From: sender@x.org
To: bob@example.net
`,
  },
  {
    name: 'xmail',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: "Postmaster" <postmaster@xm.example>
To: sender@x.org
Subject: Error sending message [1234.xm] from [xm.example]

[<00>] XMail bounce: Rcpt=[bob@example.net];Error=[554 Service unavailable; mailbox not found]

[<01>] Error sending message [1234.xm] from [xm.example].

ID:        <S123>
Mail From: <sender@x.org>
Rcpt To:   <bob@example.net>
Server:    <mx.example.net> [192.0.2.1]

[<02>] The reason of the delivery failure was:

550 5.1.1 user unknown

[<05>] Here is listed the initial part of the message:

Received: from ...
`,
  },
  {
    name: 'mercury',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: "Electronic Postmaster" <MAILER-DAEMON@merc.example>
To: sender@x.org
Subject: Postmaster Notify: Delivery Failure. [Message #3]

      ** This is an automatic message from Mercury **

The message with the following headers could not be delivered
because the user's name was not recognized.

   Error: no such user <bob@example.net>
`,
  },
  {
    name: 'haraka',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: MAILER-DAEMON@haraka.example
To: sender@x.org
Subject: failed mail: something
MIME-Version: 1.0
Content-Type: text/plain

Hi. This is the Haraka Mailer program at haraka.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

Intended Recipients: <bob@example.net>
Failure Reason: 550 No such user

--- Below this line is a copy of the message.

Received: foo
`,
  },
  {
    name: 'zimbra',
    expected: ['bob@example.net mailbox_full soft'],
    message: `From: MAILER-DAEMON@zimbra.example (Mail Delivery System)
To: sender@x.org
Subject: Undelivered Mail Returned to Sender

This is the mail system at host zimbra.example.

<bob@example.net>: host mail.example.net[192.0.2.1] said: 552 5.2.2 Over quota (in reply to RCPT TO command)
`,
  },
  {
    name: 'exchange-online-german',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@acme.onmicrosoft.com>
To: sender@x.org
Subject: Unzustellbar: Hallo
Content-Type: text/html; charset=utf-8

<html><body><p><b>Fehler bei der Nachrichtenzustellung an folgende Empf&auml;nger oder Gruppen:</b></p>
<p><a href="mailto:bob@example.net">bob@example.net</a><br>
Die eingegebene E-Mail-Adresse konnte nicht gefunden werden.</p>
<p>Diagnoseinformationen f&uuml;r Administratoren:</p><p>Generierender Server: AM0PR01.prod.outlook.com</p>
<p>bob@example.net<br>mx.example.net #550 5.1.1 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup ##</p>
<p>Urspr&uuml;ngliche Nachrichtenkopfzeilen:</p><pre>Received: from x
From: sender@x.org
To: bob@example.net</pre></body></html>
`,
  },
  {
    name: 'netease',
    expected: ['bob@163.com no_mailbox hard'],
    message: `From: Postmaster@163.com
To: sender@x.org
Subject: =?gb18030?B?z7XNs83L0MU=?=
Content-Type: text/plain; charset=utf-8

抱歉，您的邮件被退回来了……
收件人：bob@163.com
退信原因：该用户不存在 550 User not found: bob@163.com
`,
  },
  {
    name: 'qq-html',
    expected: ['bob@qq.com mailbox_full soft'],
    message: `From: <PostMaster@qq.com>
To: sender@x.org
Subject: =?utf-8?B?57O757uf6YCA5L+h?=
Content-Type: text/html; charset=utf-8

<p>抱歉，您的邮件被退回来了……</p><p>原邮件信息：</p><p>主 题：hello</p><p>收件人：bob@qq.com</p><p>退信原因：收件人邮箱已满。 host mx3.qq.com said: 552 Mailbox size exceeded</p>
`,
  },
  {
    name: 'laposte',
    expected: ['bob@laposte.net no_mailbox hard'],
    message: `Return-Path: <>
From: MAILER-DAEMON@laposte.net (Mail Delivery System)
To: sender@x.org
Subject: Undelivered Mail Returned to Sender

Votre message n'a pas pu être remis à:

<bob@laposte.net>: unknown user: "bob"
`,
  },
  {
    name: 'icloud',
    expected: ['bob@icloud.com no_mailbox hard'],
    message: `From: Mail Delivery System <MAILER-DAEMON@icloud.com>
To: sender@x.org
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

This is the system mail server
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; pv50p.icloud.com
X-Postfix-Queue-ID: 1
Final-Recipient: rfc822; bob@icloud.com
Original-Recipient: rfc822;bob@icloud.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <bob@icloud.com>: user does not exist
--B--
`,
  },
  {
    name: 'exchange-spanish',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: Administrador del sistema <postmaster@acme.es>
To: sender@x.org
Subject: No se puede entregar: Hola

El mensaje no llegó a algunos o todos los destinatarios.

      Asunto:    Hola
      Enviado:   01/02/2006 10:00

No se ha podido tener acceso a los destinatarios siguientes:

      bob@example.net el 01/02/2006 10:01
            La cuenta de correo electrónico no existe en la organización a la que se envió este mensaje.
            <mx.acme.es #5.1.1>
`,
  },
  {
    name: 'exchange-french',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: Administrateur système <postmaster@acme.fr>
To: sender@x.org
Subject: Non remis : Bonjour

Votre message n'a pas atteint certains ou tous les destinataires.

Le(s) destinataire(s) suivant(s) n'a(ont) pas pu être joint(s) :

      bob@example.net le 01/02/2006 10:01
            Le compte de messagerie n'existe pas dans l'organisation
            <mx.acme.fr #5.1.1>
`,
  },
  {
    name: 'communigate',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: <MAILER-DAEMON@cgp.example>
To: sender@x.org
Subject: Undeliverable mail: hello

Failed to deliver to 'bob@example.net'
SMTP module(domain @example.net:example.net) reports:
 host mx.example.net says:
 550 5.1.1 unknown user
`,
  },
  {
    name: 'aol',
    expected: ['bobscreen@aol.com filtered soft'],
    message: `From: Mail Delivery Subsystem <MAILER-DAEMON@aol.com>
To: sender@x.org
Subject: Mail Delivery Problem

Your mail to the following recipients could not be delivered because they are not accepting mail from sender@x.org:
   bobscreen
`,
  },
  {
    name: 'groupwise',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: System <postmaster@gw.example>
To: sender@x.org
Subject: Message status - undeliverable

The message that you sent was undeliverable to the following:
	bob@example.net (user not found)

Possibly truncated original message follows:
`,
  },
  {
    name: 'barracuda',
    expected: ['bob@example.net spam soft'],
    message: `From: MAILER-DAEMON@barracuda.example
To: sender@x.org
Subject: **Message you sent blocked by our bulk email filter**
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your message to: bob@example.net
was blocked by our Spam Firewall. The email you sent with the following subject has NOT BEEN DELIVERED:

Subject: hello
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; barracuda.example
Received-From-MTA: smtp; x

Final-Recipient: rfc822; bob@example.net
Action: failed
Status: 5.7.1
Diagnostic-Code: smtp; 550 5.7.1 Message content rejected, UBE, id=1
--b--
`,
  },
  {
    name: 'gmail-delay-french',
    expected: ['bob@example.net expired soft'],
    message: `From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
To: sender@x.org
Subject: Delivery Status Notification (Delay)
X-Failed-Recipients: bob@example.net

** Livraison incomplète **

Un problème temporaire est survenu lors de la distribution de votre message à bob@example.net. Gmail effectuera d'autres tentatives pendant 45 heures.

Voici la réponse :
The recipient server did not accept our requests to connect.
`,
  },
  {
    name: 'postfix-german',
    expected: ['bob@example.net no_mailbox hard'],
    message: `From: MAILER-DAEMON@mx.example.de (Mail Delivery System)
To: sender@x.org
Subject: Nachricht konnte nicht zugestellt werden

Ihre Nachricht konnte einem oder mehreren Empfängern nicht zugestellt werden.

<bob@example.net>: Rechner mx.example.net[192.0.2.1] meldete: 550 5.1.1 Empfänger unbekannt
`,
  },
  {
    name: 'wrong-boundary-base64-status',
    expected: ['bob@example.net no_mailbox hard'],
    message: `Return-Path: <>
From: postmaster@gw.example
To: sender@x.org
Subject: Delivery Status Notification (Failure)
Content-Type: multipart/report; report-type=delivery-status; boundary="XXXX"

--YYYY
Content-Type: text/plain

Delivery to the following recipients failed.

       bob@example.net

--YYYY
Content-Type: message/delivery-status
Content-Transfer-Encoding: base64

UmVwb3J0aW5nLU1UQTogZG5zO2d3LmV4YW1wbGUKCkZpbmFsLVJlY2lwaWVudDogcmZjODIyO2Jv
YkBleGFtcGxlLm5ldApBY3Rpb246IGZhaWxlZApTdGF0dXM6IDUuMS4xCg==
--YYYY--
`,
  },
  {
    name: 'qmail',
    expected: ['joe@example.org no_mailbox hard', 'ann@example.org mailbox_full soft'],
    message: `From: MAILER-DAEMON@qm.example
To: sender@x.org
Subject: failure notice

Hi. This is the qmail-send program at qm.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<joe@example.org>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 sorry, no mailbox here by that name
Giving up on 192.0.2.1.

<ann@example.org>:
User's mailbox is over quota

--- Below this line is a copy of the message.

Return-Path: <sender@x.org>
To: other@example.org
`,
  },
  {
    name: 'exim-forward',
    expected: ['list@example.net no_mailbox hard'],
    message: `From: Mail Delivery System <Mailer-Daemon@ex.example>
To: sender@x.org
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  joe@example.org
    (generated from list@example.net)
    SMTP error from remote mail server after RCPT TO:<joe@example.org>:
    host mx.example.org [192.0.2.1]: 550 Unrouteable address

------ This is a copy of the message, including all the headers. ------

Return-path: <sender@x.org>
To: list@example.net
`,
  },
  {
    name: 'domino',
    expected: ['joe@example.org no_mailbox hard'],
    message: `From: Postmaster@dom.example
To: sender@x.org
Subject: DELIVERY FAILURE: User joe (joe@example.org) not listed in Domino Directory

Your message

  Subject: Hello

was not delivered to:

  joe@example.org

because:

  User joe (joe@example.org) not listed in Domino Directory
`,
  },
  {
    name: 'yahoo',
    expected: ['joe@example.org rate_limited soft'],
    message: `From: MAILER-DAEMON@yahoo.com
To: sender@yahoo.com
Subject: Failure Notice

Sorry, we were unable to deliver your message to the following address.

<joe@example.org>:
Remote host said:
451 4.7.1 Too many connections from your host
[RCPT_TO]

--- Below this line is a copy of the message.
`,
  },
  {
    name: 'imail',
    expected: ['joe@example.org mailbox_full soft'],
    message: `From: "Postmaster" <postmaster@im.example>
To: sender@x.org
Subject: Undeliverable Mail
X-Mailer: <SMTP32 v8.22>

User mailbox exceeds allowed size: joe@example.org

Original message follows.

To: other@example.org
`,
  },
  {
    name: 'mdaemon',
    expected: ['joe@example.org no_mailbox hard'],
    message: `From: MDaemon@md.example
To: sender@x.org
Subject: Permanent Delivery Failure

The attached message had PERMANENT fatal delivery errors!

After one or more unsuccessful delivery attempts the attached message has
been removed from the mail queue on this server.

Failed address: joe@example.org

--- Session Transcript ---
 RCPT To:<joe@example.org>
 550 unknown user joe@example.org
--- End Transcript ---
`,
  },
  {
    name: 'sendmail-expanded',
    expected: ['list@example.net mailbox_full soft'],
    message: `From: Mail Delivery Subsystem <MAILER-DAEMON@sm.example>
To: sender@x.org
Subject: Returned mail: see transcript for details

   ----- The following addresses had permanent fatal errors -----
<joe@example.org>
    (reason: 552 5.2.2 Over quota)
    (expanded from: <list@example.net>)

   ----- Transcript of session follows -----
... while talking to mx.example.org.:
>>> DATA
<<< 552 5.2.2 Over quota
`,
  },
];

/** Machines' answers that are no bounces. */
export const autoReplies: readonly Sample[] = [
  {
    name: 'out-of-office',
    expected: [],
    message: `From: Bob <bob@example.net>
To: sender@x.org
Subject: Automatic reply: Hello
Auto-Submitted: auto-replied
Return-Path: <>

I am out of the office. For urgent matters contact ann@example.net
`,
  },
  {
    name: 'responder-field',
    expected: [],
    message: `From: Bob <bob@example.net>
To: sender@x.org
Subject: Re: Hello
X-Autoreply: yes
Precedence: bulk

I no longer work at Example.
`,
  },
  {
    name: 'challenge-boxbe',
    expected: [],
    message: `From: Bob <bob@example.net>
To: sender@x.org
Subject: Hello (Action Required)
Auto-Submitted: auto-replied

Hello, your message about "Hello" was waitlisted. Please add yourself to my Guest List so your messages will be delivered to my Inbox. https://www.boxbe.com/crs?tc=1
`,
  },
  {
    name: 'challenge-earthlink',
    expected: [],
    message: `From: bob@earthlink.net
To: sender@x.org
Subject: Re: Hello (spamBlocker)

I apologize for this automatic reply to your email. To control spam, I now allow incoming messages only from senders I have approved beforehand.
If you would like to be added to my list of approved senders, please fill out the short request form (see link below). http://webmail.earthlink.net/wam/addme?a=bob@earthlink.net
`,
  },
];

/** Letters that speak of bounces, quote or attach them, and machines that write about other things. */
export const ordinary: readonly Sample[] = [
  {
    name: 'quote1',
    expected: [],
    message: `From: Joe <joe@example.com>
To: ops@example.org
Subject: Re: Undelivered Mail Returned to Sender
In-Reply-To: <x@y>

Hi, we got this again:

> This is the mail system at host mx.example.com.
> I'm sorry to have to inform you that your message could not
> be delivered to one or more recipients. It's attached below.
> <bob@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1
>    <bob@example.net>: Recipient address rejected: User unknown
What shall we do?
`,
  },
  {
    name: 'discuss',
    expected: [],
    message: `From: Ann <ann@example.com>
To: list@example.org
Subject: Undelivered mail - how to handle 550 5.1.1 user unknown?
List-Id: <list.example.org>

When I mail bob@example.net I get
  550 5.1.1 <bob@example.net>: Recipient address rejected: User unknown
Any ideas?
`,
  },
  {
    name: 'discuss2',
    expected: [],
    message: `From: Ann <ann@example.com>
To: support@example.org
Subject: Delivery Status Notification (Failure) for my customer bob@example.net

Dear support, my customer bob@example.net says that your mail could not be delivered.
The following address failed: bob@example.net
This message was created automatically by mail delivery software.
Please help.
`,
  },
  {
    name: 'fwdattach',
    expected: [],
    message: `From: Ann <ann@example.com>
To: support@example.org
Subject: Fwd: Returned mail: see transcript for details
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="zz"

--zz
Content-Type: text/plain

See attached, could not be delivered to bob@example.net
--zz
Content-Type: message/rfc822

From: MAILER-DAEMON@example.net
Subject: Returned mail: see transcript for details
Content-Type: multipart/report; report-type=delivery-status; boundary="q"

--q
Content-Type: message/delivery-status

Reporting-MTA: dns; x

Final-Recipient: rfc822; bob@example.net
Action: failed
Status: 5.1.1
--q--
--zz--
`,
  },
  {
    name: 'newsletter',
    expected: [],
    message: `Return-Path: <>
From: Postmaster Weekly <postmaster@news.example.com>
To: ops@example.org
Subject: How to reduce bounces: mailbox full, user unknown and more
List-Unsubscribe: <mailto:u@news.example.com>
List-Id: <n.example.com>

This week: 550 5.1.1 user unknown. Write to editor@news.example.com.
Mail to bob@example.net could not be delivered? Read on.
`,
  },
  {
    name: 'calendar',
    expected: [],
    message: `From: bob@example.net
To: ann@example.com
Subject: Declined: Delivery review
Content-Type: multipart/alternative; boundary=b1
Auto-Submitted: auto-generated

--b1
Content-Type: text/plain

Bob has declined this invitation
--b1
Content-Type: text/calendar; method=REPLY

BEGIN:VCALENDAR
ATTENDEE:mailto:bob@example.net
END:VCALENDAR
--b1--
`,
  },
  {
    name: 'parcel',
    expected: [],
    message: `From: Post <no-reply@parcel.example>
To: ann@example.com
Subject: Delivery failed: we could not deliver your parcel

Your parcel could not be delivered to the address. Please contact help@parcel.example
Recipient: ann@example.com
`,
  },
  {
    name: 'postmasterhuman',
    expected: [],
    message: `From: "Postmaster" <postmaster@uni.example>
To: all@uni.example
Subject: Mail server maintenance on Saturday

Dear users, the mail server will be down. Mail may be delayed. Questions to bob@uni.example.
`,
  },
  {
    name: 'quota',
    expected: [],
    message: `From: "Mail System" <postmaster@uni.example>
To: joe@uni.example
Subject: Your mailbox is almost full

Your mailbox joe@uni.example is over quota. Please contact helpdesk@uni.example.
`,
  },
  {
    name: 'mdn',
    expected: [],
    message: `From: bob@example.net
To: ann@example.com
Subject: Disposition notification
Content-Type: multipart/report; report-type=disposition-notification; boundary=b

--b

Your mail was displayed.
--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822; bob@example.net
Disposition: manual-action/MDN-sent-manually; displayed
--b--
`,
  },
  {
    name: 'dmarcagg',
    expected: [],
    message: `From: noreply-dmarc-support@google.com
To: dmarc@example.org
Subject: Report domain: example.org Submitter: google.com Report-ID: 123
Content-Type: application/zip

UEsDB
`,
  },
  {
    name: 'ticket',
    expected: [],
    message: `From: Support <support@shop.example>
To: ann@example.com
Subject: [Ticket 12] Mail to bob@example.net rejected
Auto-Submitted: auto-generated

bob@example.net: 550 5.1.1 user unknown
`,
  },
  {
    name: 'alertmon',
    expected: [],
    message: `From: Monitoring <root@mx.example.com>
To: ops@example.com
Subject: Postfix: delivery failure rate above 5 %

Top failures:
bob@example.net: 550 user unknown
`,
  },
  {
    name: 'dmarc-aggregate-from-postmaster',
    expected: [],
    message: `From: postmaster@isp.example
To: dmarc@example.org
Subject: Report Domain: example.org Submitter: isp.example Report-ID: 1

This is a DMARC aggregate report for example.org. Messages may have been rejected.
Recipient of the report: dmarc@example.org. Write to admin-desk@isp.example.
`,
  },
  {
    name: 'null-return-path-newsletter',
    expected: [],
    message: `Return-Path: <>
From: News <news@shop.example>
To: ann@example.com
Subject: Your order

joe@shop.example: our new colleague. Your parcel could not be delivered; the following address failed: 1 Main St.
`,
  },
];
