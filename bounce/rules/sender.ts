/** What is wrong with the sender, its server or its domain. First of all: "sender … user unknown" is no dead recipient. */
import type { Rule } from './rule.ts';
import { phrases } from './rule.ts';

export const senderRules: readonly Rule[] = [
  {
    id: 'authentication-failed',
    reason: 'auth_failure',
    words: phrases(`
      |dmarc|, |dkim|, sender policy framework, |spf|, openspf, unauthenticated email, unauthenticated mail,
      does not designate, not a designated mailer, not permitted sender, email authentication, fails authentication,
      failed authentication checks, sender id (pra), senderid, does not pass authentication, must be authenticated,
      not authorized to send from this domain, not authorized to use, sending ip … not authorized for domain,
      domain owner discourages use of this host, email rejected per, mi:spf
    `),
    sample: "550-5.7.26 Unauthenticated email from example.org is not accepted due to domain's DMARC policy",
  },
  {
    id: 'no-reverse-dns',
    reason: 'no_ptr',
    words: phrases(`
      reverse dns, |rdns|, |ptr|, reverse lookup, reverse name, reverse hostname, reverse host, reverse ip,
      cannot find your hostname, cannot find your reverse, cannot resolve your address, ip name lookup failed,
      unverifyable sending, unverifiable sending, client host rejected: cannot find, dns lookup failure on client,
      hostname does not match ip, ip name forgery, ip name possibly forged, domain does not match ip,
      no dns entry for your ip, not have a valid host name, does not resolve to a,
      does not resolve to the sending ip, not resolve to your ip, bad dns ptr, unresolvable relay host,
      all mail servers must have, generic reverse, missing or invalid reverse, |cxptr|
    `),
    sample: '550 5.7.25 The IP address sending this message does not have a PTR record',
  },
  {
    id: 'greylisted',
    reason: 'greylisted',
    words: phrases(`
      greylist, graylist, grey list, gray list, greymail deferred, postgrey, please retry in … minutes
    `),
    sample: '450 4.2.0 <joe@example.org>: Recipient address rejected: Greylisted',
  },
  {
    id: 'too-fast',
    reason: 'rate_limited',
    words: phrases(`
      too much mail from, too many recipients, rate limit, too many connections, too many concurrent,
      too many sessions, too many simultaneous, too many messages, too many emails, too many mails, throttl,
      ratelimit, sending rate, message rate, too fast, slow down, maximum number of messages,
      receiving mail at a rate, receiving mail too quickly, too quickly, connection rate, connection limit,
      connection count, connections from your, max connections, maximum connections,
      exceeded the maximum number of connections, exceeded the rate, daily limit, hourly limit, sending limit,
      messages per, per hour, per minute, per second, mail volume, excessive volume, unusual rate, frequency limit,
      connection frequency, mail frequency, domain … has exceeded, exceeded max …sending, daily user sending,
      rate that prevents, trop de connexions, zu viele verbindungen, limitée, too many recipients received,
      too many invalid recipients, too many rcpt, quota exceeded for sending, sending quota, too much unsolicited,
      |cxcnct|, |cxmxrt|, mi:stc, mi:dmc, mi:nrr, rp:qrc, rp:cel
    `),
    sample: '421 4.7.0 Too many connections from 192.0.2.1',
  },
  {
    id: 'sender-refused',
    reason: 'sender_rejected',
    words: phrases(`
      sender address rejected, sender rejected, sender refused, sender denied, sender not allowed, sender verify,
      sender verification, sender address verification, invalid sender, bad sender, unknown sender, sender unknown,
      sender is unknown, sender blocked, blocked sender, sender domain, sender address is, senders domain,
      sender's address, sender's domain, domain of sender, sender address does not, sender … does not exist,
      from address, from: address, mail from address, mail from domain, mail from … rejected, from domain,
      envelope sender, return path … rejected, originator, sending address, null sender, backscatter, empty envelope,
      not accept mail from you, does not accept mail from, not accept mail from, don't accept mail from,
      unverified address, sender is not, sender must, not allowed to send, not authorized to send,
      authorized to send, unable to verify sender, could not verify sender, does not like sender, verify the sender,
      verify sender, permission to post, groups.google.com/support, customfromdenied, send mail as,
      system not configured to accept mail from, wildcard mx in your domain, sender account, mailfrom, reply address,
      not a member of, only members, non members, nonmember, your address is not, absenderadresse, absender,
      expéditeur, remitente, remetente, mittente, отправител, 送信元, 差出人, 发件人, 寄件者, 寄件人, unauthorized sender,
      backscatterer.org, snd p1, snd p2, dns p1, dns p2
    `),
    sample: '501 5.1.8 Sender address rejected: Domain not found',
  },
  {
    id: 'sender-refused-code',
    reason: 'sender_rejected',
    statuses: ['x.1.7', 'x.1.8', '5.7.501', '5.7.502', '5.7.503', '5.7.505', '5.7.57', '5.7.60'],
    sample: '550 5.1.8 Access denied, bad outbound sender',
  },
];
