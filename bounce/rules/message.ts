/** What is wrong with this one message: its size, its form, its contents. The address is not to blame. */
import type { Rule } from './rule.ts';
import { phrases } from './rule.ts';

export const messageRules: readonly Rule[] = [
  {
    id: 'virus',
    reason: 'virus',
    words: phrases(`
      |virus|, virus found, virus detected, viruses, malware, infected, trojan, |worm|, eicar, ransomware, phishing,
      malicious, viren, virenverdacht, вирус, ウイルス, 病毒
    `),
    sample: '550 5.7.1 Virus found in message',
  },
  {
    id: 'message-too-big',
    reason: 'message_too_big',
    words: phrases(`
      message too long, message is too long, message too large, message too big, message is too large,
      message is too big, message size, size of message, size of this message, size of the message, message exceed,
      message … exceeds, message length exceed, message was too large, message was too big, mail too large,
      mail too big, mail size, email size, email too large, email is too large, too large for, too big for,
      exceeds maximum, exceeds the maximum, exceeded maximum, exceeds size, exceeds the size, size exceeds,
      size exceeded, size limit, max message size, maximum message size, maximum size, maximum allowed size,
      max. size, larger than, over the maximum, message larger, size restriction, body too large, body size,
      data size, attachment … too large, attachment size, line limit exceeded, msgsize, header too large,
      headers too large, exceed fixed maximum, fixed maximum message, rst.sendsizelimit, rst.recipsizelimit,
      sendsizelimit, recipsizelimit, nachricht ist zu groß, zu groß, zu gross, trop volumineux, trop grand,
      trop gros, taille maxim, demasiado grande, tamaño, troppo grande, dimensioni, muito grande, tamanho, te groot,
      zbyt duż, слишком больш, размер, サイズ, 大きすぎ, 过大, 過大, msg p1, transient messagetoolarge
    `),
    sample: '552 5.3.4 Message size exceeds fixed maximum message size',
  },
  {
    id: 'message-too-big-code',
    reason: 'message_too_big',
    statuses: ['x.2.3', 'x.3.4'],
    sample: '552 5.2.3 (nothing more said)',
  },
  {
    id: 'not-to-standard',
    reason: 'noncompliant',
    words: phrases(`
      multiple addresses in from, rfc 5322, rfc5322, rfc 2822, rfc2822, rfc 822, rfc822 compliant, rfc 5321, rfc5321,
      not rfc, rfc compliant, duplicate header, multiple from, more than one from, missing header,
      missing from header, message id header, message id … missing, missing message id, no message id,
      invalid header, bad header, malformed header, header syntax, header … missing, from header is missing,
      lines longer than, line too long, line length, bare lf, bare linefeed, bare newline, bare cr, stray newline,
      nul byte, malformed message, message … malformed, malformed mime, malformed email, improperly formatted,
      not compliant, does not comply, non compliant, violates standard, invalid message format, multiple header,
      singleton headers, smtputf8, non ascii, 8bit, resent from
    `),
    sample: '550 5.7.1 This message is not RFC 5322 compliant',
  },
];

/** Asked behind spam: a refused content is often a refused advertisement. */
export const contentRules: readonly Rule[] = [
  {
    id: 'attachment-or-content',
    reason: 'content_rejected',
    words: phrases(`
      banned file, banned content, banned part, file type, file name, executable, .exe, blocked extension,
      message content rejected, content rejected, content blocked, content … not allowed, content not, content is,
      content filter, content restriction, content policy, content denied, content … blocked, prohibited content,
      objectionable, profanity, unacceptable content, inappropriate, forbidden word, contains a url, contains url,
      url … in message, body contains, message body, media error, conversion, unsupported encoding, nested mime,
      invalid characters, bodytype, anhang, pièce jointe, adjunto, allegato, anexo, bijlage, вложен, 添付, 附件,
      attachment type, attachment … not, attachment blocked, blocked attachment, bad attachment,
      attachment … rejected, attachment … blocked, unauthorized attachment, prohibited attachment,
      attachment removed, contains an attachment, attachments are, attachment … policy, attachment extension,
      rejected attachment, dangerous attachment, forbidden attachment, executable attachment,
      unacceptable attachment, message contains a, message contains banned, message contains prohibited,
      message contains unacceptable, message contains content, msg p2, transient contentrejected,
      transient attachmentrejected
    `),
    sample: '552 5.7.0 Banned file type in attachment',
  },
];
