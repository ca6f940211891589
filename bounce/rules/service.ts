/** The other system or the way to it: temporary or ours to repair, never the address's fault. */
import type { Rule } from './rule.ts';
import { phrases } from './rule.ts';

export const relayRules: readonly Rule[] = [
  {
    id: 'relay-denied',
    reason: 'relay_denied',
    words: phrases(`
      to relay mail, configured to relay, email address is not verified, identities failed the check,
      relaying denied, relay denied, relay not permitted, relaying not, relaying is, no relaying,
      not permitted to relay, relay access denied, unable to relay, cannot relay, can not relay,
      relay operation rejected, relay prohibited, relaying prohibited, relaying mail to, relaying to, will not relay,
      not relay, we do not relay, we don't relay, don't relay, insecure mail relay, mail relay,
      must authenticate to relay, third party relay, illegal relay, no relay, relay rejected, rcpthosts,
      allowed rcpthosts, that domain isn't in my list, not a gateway, not allowed to relay, relay not,
      domain not allowed, not a local domain, not our domain, not hosted here, not hosted, no such domain here,
      is not local, relais, ретрансл, don't handle mail for, non local email address, as a relay, specify a domain
    `),
    sample: '550 5.7.1 Relaying denied',
  },
];

/** Before "no such user": what local delivery says of itself quotes user names. */
export const localRules: readonly Rule[] = [
  {
    id: 'tls-trouble',
    reason: 'security',
    words: phrases(`starttls, certificate, tls handshake, tls required, tls is required`),
    sample: '530 5.7.0 Must issue a STARTTLS command first',
  },
  {
    // "Not recognized" is said of users, too.
    id: 'command-not-understood',
    reason: 'protocol',
    words: phrases(`
      command not recognized, command not recognised, command is not recognized, command not known,
      unknown command, invalid command
    `),
    sample: '502 5.5.2 Error: command not recognized',
  },
  {
    id: 'local-delivery-trouble',
    reason: 'system',
    words: phrases(`
      couldn't create, can't create, cannot create, unable to create, unable to lock, can't open, cannot open,
      permission denied when, command died, local configuration error, no such file, would create a mail loop,
      loops back to, loop was found in, interrupted system call, while being processed
    `),
    sample: 'procmail: Couldn\'t create "/var/spool/mail/joe" id: No such user',
  },
  {
    id: 'refused-connection',
    reason: 'network',
    statuses: ['x.4.316'],
    sample: '550 5.4.316 Message expired, connection refused',
  },
];

export const serviceRules: readonly Rule[] = [
  {
    id: 'tls-or-login-required',
    reason: 'security',
    words: phrases(`
      unauthenticated sender, |tls|, encryption required, encryption needed, authentication required,
      authentication is required, requires authentication, smtp auth, auth required, not authenticated,
      authentication failed, authentication failure, authentication credentials, advertise auth, please authenticate,
      log in first, insecure, dane|, mta sts, tlsa, cipher, unable to authenticate, password, not subscribed to ses,
      verification failure
    `),
    sample: '530 5.7.0 Authentication required',
  },
  {
    id: 'policy-of-theirs',
    reason: 'policy',
    words: phrases(`
      policy reasons, local policy, violates policy, policy violation, because its content presents a potential,
      illegal attachment, pol p1, pol p2, pol p3, pol p4, pol p5, closed mailing list, organizational settings,
      denied by policy, due to policy, due to security policies, header error, protocol violation, low priority,
      not subscribed to this group
    `),
    sample: '554 5.7.9 Message not accepted for policy reasons',
  },
  {
    id: 'malformed-address',
    reason: 'protocol',
    words: phrases(`
      malformed address, malformed recipient
    `),
    sample: 'malformed address: <joe@example.org> may not follow j@example.net',
  },
  {
    id: 'system-trouble',
    reason: 'system',
    words: phrases(`
      could not load, exit status, system error, internal error, internal server error, local error,
      error in processing, error processing, configuration error, misconfigur, config error, mailer error,
      unknown mailer error, command failed, command died, command output, child status, local configuration,
      insufficient system, insufficient disk, system storage, disk full, no space left on device, out of disk,
      out of memory, cannot allocate, disk error, i/o error, input/output error, file system, system resources,
      insufficient resources, cannot open, can't open, can't create, cannot create, cannot write, error writing,
      error opening, ldap, database, lookup error, table lookup, lookup failure, temporary lookup, temporary failure,
      temporary error, temporary problem, temporarily unable, server error, software error, delivery error,
      system not capable, system incorrectly, incorrectly configured, lmtp, dovecot, cyrus, maildrop, procmail,
      pipe|, timed out while, backend, unexpected, unable to process, cannot process, duplicated message id,
      mapping error, loop alert, over capacity, too busy, server busy, server is busy, system busy, system is too,
      interner fehler, systemfehler, erreur système, error interno, errore interno, erro interno, 内部エラー, 系统错误,
      resources restricted, shortage
    `),
    sample: '451 4.3.0 Error: queue file write error',
  },
  {
    id: 'loop',
    reason: 'network',
    words: phrases(`
      too many hops, mail loop, mail loops, forwarding loop, routing loop, loop detected, looping, loop count,
      hop count, hopcount, message loop, delivery loop, too many received, mail system … loop, queue.expired; … loop,
      |loop|, schleife, boucle
    `),
    sample: '554 5.4.6 Too many hops',
  },
  {
    id: 'kept-trying',
    reason: 'expired',
    words: phrases(`
      message expired, expired, retry timeout exceeded, retry time not reached for any host after a long, retry time,
      queue too long, too long in the queue, in the queue, has been in queue, giving up, gave up, given up,
      not be delivered within, not delivered within, could not be delivered for, could not be delivered after,
      could not deliver for the last, could not be sent for, unable to deliver in, unable to deliver message after,
      delivery time, multiple retries, max retries, maximum retries, retry limit, retries, was undeliverable for,
      for 5 days, still undelivered, will be retried, been delayed, not yet been delivered, delayed,
      will continue to, queue lifetime, timeout exceeded, resources temporarily unavailable, message timed out,
      message timeout, too old, zu lange, trop longtemps, in coda, превышено время, not responding,
      host not reachable, did not accept our requests, did not reach its, days, hours, server did not respond,
      have been failing for a long time, failed to deliver to domain, could not find a gateway for,
      within the allowed queue period, has not been collected after, failed … attempts
    `),
    sample: '554 5.4.7 Message expired: unable to deliver in 840 minutes',
  },
  {
    id: 'timed-out-for-good',
    reason: 'expired',
    words: phrases(`connection timed out, connect timed out, operation timed out, connection timeout`),
    onlyReports: true,
    sample: 'connect to mx.example.org[192.0.2.1]:25: Connection timed out',
  },
  {
    id: 'no-connection',
    reason: 'network',
    words: phrases(`
      connection timed out, connection timeout, connect timed out, connection refused, connection reset,
      connection closed, connection lost, lost connection, connection dropped, connection died,
      connection was dropped, connection terminated, connection failed, connection error, connection to, connect to,
      could not connect, cannot connect, unable to connect, couldn't connect, failed to connect, not connect,
      no route to host, network unreachable, network is unreachable, network error, host unreachable,
      host is unreachable, host is down, host down, host … did not respond, host not responding, no answer from,
      no response from, unreachable, not reachable, operation timed out, timed out, timeout, time out, dns error,
      dns failure, dns server, dns problem, dns soft, dns temporar, name server, nameserver, server failure,
      servfail, soft error, broken pipe, socket error, eof|, conversation with, talking to, greeting, handshake,
      cname lookup failed, unable to contact, remote server … not, error reading, tcp,
      mail server is currently unreachable, zeitüberschreitung, keine verbindung, délai, tiempo de espera, соединен
    `),
    sample: '451 4.4.1 Connection refused',
  },
];
