/** Nobody there: the mailbox, the domain or the mail service does not exist. The only reasons that make an address hard. */
import type { Rule } from './rule.ts';
import { phrases } from './rule.ts';

export const recipientRules: readonly Rule[] = [
  {
    id: 'no-mail-service',
    reason: 'no_mail_service',
    words: phrases(`
      null mx, nullmx, does not accept mail, does not accept email, does not accept any mail, host does not accept,
      domain … does not receive mail, domain does not receive, no mail service, no mx record, no mx records,
      no mx found, couldn't find a mail exchanger, no mail exchanger, no mail server, no mail hosts,
      mail server could not be found, mx record … not found, no valid mx, has no mx, smtp service not available for,
      all relevant mx records point to non existent hosts, only one mx and it is, kein mx, mx not found,
      no usable mx, domain has no mail, couldn't find any mail, no route for current request
    `),
    sample: '556 5.1.10 Recipient address has null MX',
  },
  {
    id: 'name-server-trouble',
    reason: 'network',
    words: phrases(`
      dns error, name server, name service error, nxdomain, host not found, domain not found, domain name not found,
      host name lookup failure, dns failure, dns lookup, name lookup failure, dns lookup failure,
      server lookup failure
    `),
    statuses: ['4.*'],
    sample:
      '4.4.3 Host or domain name not found. Name service error for name=example.org type=MX: Host not found, try again',
  },
  {
    id: 'name-server-nonsense',
    reason: 'network',
    words: phrases(`
      unexpected name server reply, host not found try again
    `),
    sample: 'Name service error for name=example.org type=MX: Malformed or unexpected name server reply',
  },
  {
    id: 'no-domain',
    reason: 'no_domain',
    words: phrases(`
      because the domain is not reachable, host unknown, unknown host, unknown domain, domain unknown,
      domain not found, host not found, domain name not found, host or domain name not found, domain does not exist,
      domain doesn't exist, domain … does not exist, domain must exist, no such domain, no such host,
      nonexistent domain, non existent domain, domain is invalid, invalid domain, domain invalid,
      domain is not exist, name or service not known, unrouteable mail domain, unrouteable domain,
      unroutable mail domain, unroutable domain, unrouteable host, nxdomain, bad destination system,
      bad destination host, bad destination domain, illegal host/domain, illegal domain, dns error: domain,
      dns domain … does not exist, domain name … does not exist, the domain name could not, cannot find your domain,
      couldn't find … domain, could not find domain, unable to find domain, cannot resolve, unable to resolve,
      could not resolve, unresolvable, domain … not resolve, name server: … host not found, name service error,
      hostnotfound, no dns record, domain isn't, domain … wasn't found, domain … was not found, domain … not found,
      domain … couldn't be found, domain … could not be found, domain … cannot be found, destination domain,
      invalid hostname, invalid host name, address lookup failed, dns lookup failed, unbekannter host,
      unbekannte domain, domain existiert nicht, domaine inconnu, domaine … existe pas, domaine n'existe pas,
      dominio no existe, dominio inexistente, dominio inesistente, domínio, domein, домен, 域名, ドメイン,
      resolver.adr.badprimary … domain, couldn't find any host, find the recipient domain
    `),
    sample: '550 5.1.2 <joe@example.org>... Host unknown (Name server: example.org: host not found)',
  },
  {
    id: 'no-mailbox',
    reason: 'no_mailbox',
    words: phrases(`
      user unknown, unknown user, user is unknown, user not found, user … not found, user was not found,
      user does not exist, user doesn't exist, user … does not exist, user … unknown, user … doesn't, user not known,
      user not exist, user not listed, user not local, user … not local, user … not listed, user invalid,
      user is invalid, invalid user, no such user, no such mailbox, no such recipient, no such address,
      no such person, no such account, no such email, no such local, no such name, no such id, no user, no mailbox,
      no account, no recipient, not our user, not a valid user, not a valid mailbox, not a valid recipient,
      not a valid address, not a valid account, not a valid email, not a known user, not a local, not a recognized,
      not valid email, is not valid, is not a valid, not recognized, not recognised, not known here, not known,
      not listed in, unknown recipient, recipient unknown, recipient … unknown, recipient not found,
      recipient … not found, recipient does not exist, recipient doesn't exist, recipient … does not exist,
      recipient … not exist, recipient … doesn't exist, recipient no longer, recipient … no longer,
      recipient not recognized, recipient name … not recognized, recipient is invalid, recipient invalid,
      recipient … invalid, recipient not exist, recipient not available, recipient not known, recipnotfound,
      recipientnotfound, invalid recipient, invalid mailbox, invalid address, invalid email, invalid destination,
      invalid account, invalid final delivery, bad recipient, bad destination mailbox, bad destination address,
      bad address, bad mailbox, nonexistent, non existent, non existing, nonexisting, inexistent, unknown address,
      unknown mailbox, unknown account, unknown local, unknown email, unknown or illegal, unknown alias,
      unknown addressee, addressee unknown, address unknown, address … unknown, address not found,
      address … not found, address wasn't found, address couldn't be found, address does not exist,
      address doesn't exist, address … does not exist, address … doesn't exist, address is invalid, address invalid,
      address … is invalid, address no longer, address … no longer, address is no longer, address not known,
      address … not known, address is possibly incorrect, address not present, address not listed, address not exist,
      illegal address, illegal user, illegal alias, account does not exist, account doesn't exist,
      account … does not exist, account … not exist, account not found, account … not found, account unknown,
      account no longer, account … no longer, account has been deleted, account deleted, account … deleted,
      account … removed, account invalid, account is invalid, mailbox does not exist, mailbox doesn't exist,
      mailbox … does not exist, mailbox … not exist, mailbox not found, mailbox … not found, mailbox unknown,
      mailbox … unknown, mailbox no longer, mailbox is no longer, mailbox invalid, mailbox is invalid,
      mailbox … deleted, mailbox … removed, mailbox could not be, email account that you tried to reach,
      doesn't have a, does not have an, doesn't have an, does not exist, doesn't exist, doesn't exists, don't exist,
      do not exist, not exist, did not exist, is not exist, no longer exist, no longer valid, no longer available,
      no longer in use, no longer with, no longer employed, no longer works, no longer on server, no longer a,
      no longer an, no longer used, no longer here, ceased to exist, has been deleted, has left,
      has been discontinued, unrouteable address, unroutable address, recipient address rejected: access denied,
      recipient address rejected: user, recipient address rejected: undeliverable,
      recipient address rejected: unknown, unknown in, unknown in virtual, local recipient table,
      virtual alias table, virtual mailbox table, relay recipient table, resolver.adr., user … unrecognized,
      no matches to nameserver query, not in directory, not in address, not in our, not in local, not in domino,
      domino directory, name & address book, name and address book, directory entry, cannot find user,
      cannot find recipient, could not find user, could not find mailbox, couldn't find user, unable to find user,
      unable to find recipient, user … could not be found, could not be found, couldn't be found, cannot be found,
      wasn't found at, was not found, mailbox … unavailable user, no valid recipient, no valid rcpt,
      no local mailbox, no one by that name, nobody here, not here, is unknown, isn't here, this address no longer,
      not our customer, not an active address, unverified recipient, recipient verify failed,
      verification failed for, verify failed, callout verification, user doesn't, screenname, screen name,
      screen-name, |nosuchuser|, p=nosuchuser, answer=6596, illegal recipient, recipient syntax, address syntax,
      destination mailbox address syntax, mailbox name not allowed, not handled here, 000c05a6, no existe,
      wrong recipient, wrong address, incorrect address, address incorrect, dead address, list unknown,
      mailing list … not, dosn't exist, dose not exist, does not exists, not a valid, rcp p1, int p1, int p3, int p4,
      no such alias, no such login, no such addressee, no such customer, no such subscriber, no such member,
      is not a user, is not a known, is not a local, is not a customer, is not a current, receiver not found,
      invalid receiver, unknown receiver, receiver unknown, permanent noemail, account is not valid,
      account not valid, account is not active, address is not valid, address is not listed, address is not found,
      recipient is not valid, recipient is not listed, recipient is not found, recipient is not known,
      does not have an account, does not have a mailbox, does not have a valid mailbox, user was deleted,
      mailbox was deleted, account was deleted, badrcptto, not present, missing home directory,
      no one at this address, destination addresses were unknown, destination server rejected,
      no longer accepts mail, addressed to an unknown, email name is not found, wrong or no longer valid,
      the following recipients was undeliverable, account or domain may not exist
    `),
    sample: '550 5.1.1 <joe@example.org>: Recipient address rejected: User unknown in local recipient table',
  },
  {
    id: 'no-mailbox-german',
    reason: 'no_mailbox',
    words: phrases(`
      unbekannter benutzer, benutzer unbekannt, benutzer … unbekannt, empfänger unbekannt, empfänger … unbekannt,
      empfänger nicht, empfänger … nicht, unbekannter empfänger, adresse unbekannt, adresse … unbekannt,
      existiert nicht, adresse … nicht gefunden, nicht gefunden, postfach unbekannt, kein postfach, kein benutzer,
      ungültige adresse, ungültige empfänger, keine emails empfangen kann
    `),
    sample: '550 Empfänger unbekannt',
  },
  {
    id: 'no-mailbox-french',
    reason: 'no_mailbox',
    words: phrases(`
      utilisateur inconnu, utilisateur … inconnu, destinataire inconnu, destinataire … inconnu, adresse inconnue,
      adresse … inconnue, n'existe pas, n'existe plus, adresse invalide, adresse … introuvable, introuvable,
      boîte aux lettres inexistante, inexistant, adresse d au moins un destinataire, destinataire invalide,
      pas d'abonné, d'au moins un
    `),
    sample: '550 Utilisateur inconnu',
  },
  {
    id: 'no-mailbox-spanish-portuguese-italian',
    reason: 'no_mailbox',
    words: phrases(`
      usuario desconocido, usuario no, usuario inexistente, destinatario desconocido, dirección … no, direccion … no,
      cuenta no existe, buzón no existe, no se encontró, no se ha encontrado, no encontrad, não existe, nao existe,
      usuário desconhecido, usuario desconhecido, destinatário desconhecido, destinatário inválido,
      usuário inexistente, conta inexistente, não foi encontrad, não encontrad, conta … não, utente sconosciuto,
      utente … sconosciuto, destinatario sconosciuto, indirizzo … non, non esiste, inesistente, casella … non,
      non trovato, non è stato trovato, utente simile, esiste un utente
    `),
    sample: '550 Usuario desconocido',
  },
  {
    id: 'no-mailbox-dutch-nordic-eastern',
    reason: 'no_mailbox',
    words: phrases(`
      onbekende gebruiker, gebruiker onbekend, gebruiker … niet, onbekend, bestaat niet, niet gevonden, okänd,
      ukjent, ukendt, finns inte, findes ikke, tuntematon, nieznany, nie istnieje, nie znaleziono, nieistniejąc,
      neexistuje, neznám, bulunamadı, bilinmeyen, ismeretlen
    `),
    sample: '550 Gebruiker onbekend',
  },
  {
    id: 'no-mailbox-russian-and-cjk',
    reason: 'no_mailbox',
    words: phrases(`
      не существует, несуществующ, пользователь не найден, не найден, неизвестн, нет такого, недоступен пользователь,
      存在しません, 存在しない, 見つかりません, 見つからない, みつかりません, 宛先不明, 宛先が, ありません, 该用户不存在, 不存在, 无此用户, 用户不, 找不到, 未找到, 查無, 존재하지, 찾을 수 없
    `),
    sample: '550 用户不存在',
  },
];
