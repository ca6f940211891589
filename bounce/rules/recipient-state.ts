/** The mailbox exists but cannot or will not take this message: full, switched off, moved, choosy about senders. */
import type { Rule } from './rule.ts';
import { phrases } from './rule.ts';

export const mailboxFullRules: readonly Rule[] = [
  {
    id: 'mailbox-full',
    reason: 'mailbox_full',
    words: phrases(`
      too much mail data, mailbox full, mailbox is full, mailbox too full, mailbox is almost full, mailbox full or,
      mbox full, inbox is full, inbox full, account is full, account full, mailfolder is full, mail folder is full,
      folder is full, over quota, overquota, quota exceeded, quota exceed, exceeded … quota, exceeds … quota,
      quota full, quota is full, quota has been, quota violation, quota limit, out of quota, quota would be exceeded,
      disk quota, storage quota, mailbox quota, user quota, mail quota, beyond … quota, over the allowed quota,
      over … quota, storequotaexceed, over storage, storage limit, storage exceeded, exceeded storage,
      storage allocation, storage space, out of storage, no storage, mailbox size limit, mailbox exceeds,
      mailbox exceeded, mailbox … exceeds allowed size, mailbox … exceeded, mailbox limit, mailbox … over limit,
      mailbox storage, mailbox disk, mailbox space, mail box full, mail box is full, maildir over, maildir … full,
      not enough space, not enough storage, not enough disk space in, insufficient space, no space left in,
      has no space, no more space, out of space for, too full to, full mailbox, user is over, user over,
      recipient over, recipient is over, recipient … over, account is over, is over the limit, is full|,
      user has too many, too many messages in, overflowed, would exceed, exceeded its, resolver.rst.overquota,
      |overquotatemp|, |overquotaperm|, p=overquota, dd user … disk, bytes free, |full mailbox|,
      receiving disabled due to, no room in, not have enough space, allowed mailbox, inbox has reached,
      postfach ist voll, postfach voll, postfach … voll, mailbox voll, speicherplatz, quota überschritten,
      boîte pleine, boite pleine, boîte … pleine, boite … pleine, espace insuffisant, buzón lleno, buzon lleno,
      buzón está lleno, buzón … lleno, cuota, espacio insuficiente, casella piena, casella … piena, quota superata,
      spazio insufficiente, caixa postal cheia, caixa cheia, caixa … cheia, caixa de correio está cheia,
      cota excedida, postvak is vol, postvak … vol, mailbox is vol, skrzynka … pełna, skrzynka jest pełna, kotası,
      kotayı aş, переполнен, ящик полон, превышена квота, превышение квоты, 容量, 一杯, いっぱい, 満杯, 已满, 已滿, 超过配额, 空间不足, 용량,
      가득, exceeding … quota, exceeded the local limit, zuviele mails, zu viele mails, overdrawn,
      transient mailboxfull, disc quota, reached disk quota, space has been used up, insufficient quota,
      has insufficient disk space, not have enough disk, it is full|, maximum number of messages in
    `),
    sample: '552 5.2.2 <joe@example.org>: mailbox full',
  },
  {
    id: 'mailbox-full-code',
    reason: 'mailbox_full',
    statuses: ['x.2.2'],
    sample: '452 4.2.2 (nothing more said)',
  },
];

/** Asked behind reputation: "blocked" and "suspended" are said of senders, too. */
export const recipientStateRules: readonly Rule[] = [
  {
    id: 'docomo-domain-filter',
    reason: 'filtered',
    words: phrases(`unknown user`),
    stages: ['data', 'content'],
    mtas: ['docomo.ne.jp'],
    sample: 'host mfsmax.docomo.ne.jp said: 550 Unknown user joe@docomo.ne.jp (in reply to end of DATA command)',
  },
  {
    id: 'moved',
    reason: 'moved',
    words: phrases(`
      has moved, have moved, user moved, account moved, moved to a new, moved to another, has been replaced by,
      new email address, new address is, new address:, address has changed, changed … address, changed his,
      changed her, address was changed, please use the new, is now known as, mailbox owner has changed,
      no longer … please use, neue adresse, neue email, nouvelle adresse, nueva dirección, nuevo correo,
      nuovo indirizzo, novo endereço, nieuw adres
    `),
    sample: '551 5.1.6 joe has moved; please try <j@example.net>',
  },
  {
    id: 'moved-code',
    reason: 'moved',
    statuses: ['5.1.6', '5.7.17', '5.7.18'],
    sample: '550 5.1.6 (nothing more said)',
  },
  {
    id: 'mailbox-disabled',
    reason: 'mailbox_disabled',
    words: phrases(`
      user … locked, temporary locked, temporarily locked, account disabled, account is disabled,
      account has been disabled, account … disabled, mailbox disabled, mailbox is disabled,
      mailbox has been disabled, mailbox … disabled, user disabled, user is disabled, user … disabled,
      recipient disabled, recipient … disabled, recipient is disabled, address disabled, address … disabled,
      address is disabled, email … is disabled, disabled mailbox, disabled user, disabled account,
      disabled recipient, account suspended, account is suspended, account … suspended, mailbox … suspended,
      user … suspended, user suspended, recipient suspended, recipient … suspended, address suspended, is suspended,
      been suspended, temporarily suspended, domain … suspended, suspended domain, account inactive,
      account is inactive, account … inactive, mailbox … inactive, mailbox inactive, mailbox is inactive,
      user … inactive, inactive user, inactive account, inactive mailbox, inactive recipient, inactive address,
      recipient … inactive, is inactive, inactivity, inactive for more than, not active, isn't active,
      no longer active, not been active, is not activated, not yet activated, deactivated, account … deactivat,
      account is locked, account locked, mailbox locked, mailbox is locked, user locked, is locked, account … locked,
      account has expired, account expired, mailbox expired, expired account, account … expired, dormant,
      account … frozen, mailbox is frozen, mailbox frozen, mailbox … frozen, user is frozen, account closed,
      account … closed, account is closed, closed account, account … terminated, mailbox … blocked,
      mailbox is blocked, mailbox blocked, account blocked, account is blocked, account … is blocked,
      user is blocked, account temporarily, account temporary, discontinued, barred, out of service, account on hold,
      vdelivermail: account, this account is not allowed, cannot receive mail, not able to receive mail,
      not receiving mail, is not accepting mail, has been turned off, account administratively,
      mailbox not available temporarily, p=disableduser, receiving disabled, deaktiviert, gesperrt, stillgelegt,
      désactivé, desactivé, suspendu, bloqué, desactivad, deshabilitad, inhabilitad, suspendid, disattivat,
      disabilitat, sospes, desativad, bloquead, inativ, uitgeschakeld, geblokkeerd, zablokowan, nieaktywn,
      заблокирован, отключен, неактив, приостановлен, 停止, 停用, 禁用, 冻结, never logged on, compte … bloque,
      permanent suppressed, has suppressed sending, onaccountsuppressionlist, archived recipient,
      destinataire archivee, user is terminated, is terminated, suspend the service, suspended mailbox,
      invalid/inactive, deactivated mailbox
    `),
    sample: '550 5.2.1 The email account that you tried to reach is disabled',
  },
  {
    id: 'mailbox-disabled-code',
    reason: 'mailbox_disabled',
    statuses: ['5.7.13'],
    sample: '525 5.7.13 User Account Disabled',
  },
  {
    // Exchange: who is not of the house is not let in ("authentication required" is no word about our login).
    id: 'known-senders-only',
    reason: 'restricted',
    words: phrases(`
      resolver.rst.notauthorized, resolver.rst.restricted, resolver.rst.authrequired,
      resolver.rst.sendernotauthenticated, restrictedtorecipients
    `),
    sample: '550 5.7.1 RESOLVER.RST.AuthRequired; authentication required',
  },
  {
    id: 'known-senders-only-code',
    reason: 'restricted',
    statuses: ['5.7.124', '5.7.129', '5.7.133', '5.7.134', '5.7.135', '5.7.136'],
    sample: '550 5.7.129 (nothing more said)',
  },
  {
    id: 'choosy-recipient',
    reason: 'filtered',
    words: phrases(`
      only accepts mail from,
      only accepts messages from, only accept mail from, accepts email only from, user refuses, recipient refuses,
      recipient rejects, recipient has rejected, recipient … has blocked, refused by recipient,
      rejected by recipient, rejected by user, blocked by recipient, user rejected, user … rejected message,
      user filter, user does not want, does not wish to receive, doesn't wish to receive,
      does not accept messages from, not accept messages from, not accepting messages from, not accepting mail from,
      mail from this sender, recipient … restricted, restricted recipient, not authorized to email,
      permission to send, permissions to send, don't have permission, do not have permission, sender filtering,
      personal filter, due to user, because the recipient … list, whitelist, white list, executed from sieve, sieve,
      due to extended, mail filter, message filter, message was filtered, refused by tester, address … restricted,
      unwanted mail, refuses mail, mail … is refused, ドメイン指定, 受信拒否, 迷惑メールフィルタ, 指定受信, int p2, rcp p2, rcp p3,
      due to recipient preferences, due to user rules, not found recipient account, account is protected by,
      blocked by the recipient, user reject, restricted sms, is only accepting mail from, not accepting any mail,
      refuse to receive mail
    `),
    sample: '550 5.7.1 This mailbox only accepts mail from its contacts',
  },
];
