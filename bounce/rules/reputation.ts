/** The sending host is not wanted, or the message looks like spam. Ordered before "unknown user": list texts quote much. */
import type { Rule } from './rule.ts';
import { phrases } from './rule.ts';

/** Asked first of all: a list's name is sure, whatever else the text says about senders and domains. */
export const blocklistRules: readonly Rule[] = [
  {
    id: 'named-blocklist',
    reason: 'reputation',
    words: phrases(`
      spamhaus, spamcop, sorbs, barracudacentral, barracuda reputation, cbl.abuseat, abuseat.org, dnsbl, |rbl|,
      |rbls|, |cbl|, |xbl|, |pbl|, |sbl|, |drbl|, uceprotect, spfbl, rhsbl, surriel, psbl, invaluement, senderbase,
      senderscore, talosintelligence, blacklist, black list, blocklist, blackhole, block listed, denylist, deny list,
      due to ip reputation, not authorized to send email directly, (bl), contact tosa,
      ask your postmaster for help or to contact, (rtr:, (dyn:, (rly:, (hvu:, (ipts:, |cxbl|
    `),
    sample: '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org',
  },
];

/** Exchange Online: 5.7.606 to 5.7.649 say "Access denied, banned sending IP". */
const bannedAddressCodes = Array.from({ length: 44 }, (_, i) => `5.7.${606 + i}`);

export const reputationRules: readonly Rule[] = [
  {
    id: 'listed-host',
    reason: 'reputation',
    words: phrases(`
      are listed, was listed, been listed, ip … listed in, listed in zen, listed in rbl, listed in bl,
      address … is listed, listed by dns, |ers|, service refuse. veuillez, block list, blocked list, blocked using,
      blocked by … rbl, on our block, reputation, banned sending, banned ip, banned host, ip banned, ip is banned,
      been banned, host is blocked, host blocked, ip blocked, ip is blocked, ip address blocked, ip … blocked,
      ip … has been blocked, ip address … rejected, ip address … blocked, ip address … listed, ip address is,
      your ip, your host, your server, your network, your mail server, blocked … ip, blocked your,
      client host … blocked, client host rejected, client ip, client address, connecting ip, sending ip, sender ip,
      source ip, remote ip, ip range, ip lookup, mail server … blocked, server … blocked, server … blacklist,
      open relay, open proxy, dynamic ip, dynamic address, dynamic pool, dialup, dial up, residential, your isp's,
      smtp server of your, isp's mail server, use your isp, helo command rejected, helo rejected, invalid helo,
      bad helo, helo name, |helo|, |ehlo|, my name was rejected, invalid domain name, no access from mail server,
      access from … denied, connection … rejected due to, connection refused by policy, rejected by policy: ip,
      connections not accepted from, not accepting connections from, not accept connections from,
      mail from … is blocked, network is blocked, domain is blocked, domain … blocked, domain … is banned,
      blocked for abuse, abuse complaints, user complaints, complaints, unexpected volume, suspicious,
      temporarily deferred due to, volume or, [ts0, [tss0, [tss1, ip … temporarily, mxrl, proofpoint dynamic, |csi|,
      cloudfilter, dnsrbl, trustedsource, trend micro email, mail-abuse, mail abuse, low score, ipcheck, unblock,
      delist, s3140, s3150, is gesperrt, auf einer blacklist, liste noire, lista negra, lista nera, черн,
      your email is redundant, too many bad commands from, ip is listed, address is listed, is listed on,
      is listed in, is listed at, is listed by, host is listed, is currently listed, domain is listed, mi:spb,
      ip frequency, suspected
    `),
    sample: '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org',
  },
  {
    id: 'listed-host-code',
    reason: 'reputation',
    statuses: ['5.7.511', '5.7.512', '4.7.650', '4.7.651', '5.7.708', '5.7.750', ...bannedAddressCodes],
    sample: '550 5.7.606 Access denied, banned sending IP',
  },
  {
    id: 'spam',
    reason: 'spam',
    words: phrases(`
      spam, junk mail, junk email, unsolicited, considered ube, |ube|, |uce|, bulk mail, bulk email, bulkmail,
      mass mail, high probability of, looks like, cloudmark, vade, identified as bulk, gtube, bogofilter, bayes,
      rejected by content scanner, score … too high, scored, mail was rejected by filter, スパム, 迷惑メール, 垃圾, спам,
      spammail, correo no deseado, indésirable, unerwünscht, ongewenst, indesiderat, dt:spm, mi:spm,
      under suspicion of
    `),
    sample: '550 5.7.1 Message rejected as spam by content filtering',
  },
];
