// Mailboxes as RFC 5321 section 4.1.2 writes them in MAIL and RCPT: a strict, linear scanner, the only one that we have,
// so that what policy judges and what goes on the wire are the same bytes. RFC 5322 comments, folding and groups are not
// part of that grammar and are refused.
import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/** A mailbox that passed `parseMailbox`, exactly as the client wrote it. */
export type Address = string & { readonly __brand: 'Address' };

/** RFC 5321 section 4.5.3.1, in octets. */
const MAX_LOCAL_PART = 64;
const MAX_DOMAIN = 255;
const MAX_PATH = 256;
const MAX_LABEL = 63;

export type MailboxProblem = 'syntax' | 'local-part-too-long' | 'domain-too-long' | 'path-too-long' | 'needs-smtputf8';

/** The mailbox in `text` (without angle brackets), or what is wrong with it. */
export function parseMailbox(text: string, options: { smtpUtf8: boolean }): Address | { problem: MailboxProblem } {
  const at = endOfLocalPart(text);
  if (at <= 0 || text[at] !== '@') return { problem: 'syntax' };
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  if (!isDomain(domain) && !isAddressLiteral(domain)) return { problem: 'syntax' };
  if (!options.smtpUtf8 && !isAscii(text)) return { problem: 'needs-smtputf8' };
  if (Buffer.byteLength(local) > MAX_LOCAL_PART) return { problem: 'local-part-too-long' };
  if (Buffer.byteLength(domain) > MAX_DOMAIN) return { problem: 'domain-too-long' };
  // The path's 256 octets count its angle brackets.
  if (Buffer.byteLength(text) + 2 > MAX_PATH) return { problem: 'path-too-long' };
  return text as Address;
}

/** The domain as written; an address literal keeps its brackets. */
export function domainOf(address: Address): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

/**
 * The form under which the spellings of one mailbox meet in look-ups, on the suppression list, and among the recipients
 * of one message. The domain is folded, an IDN becomes its A-label (RFC 5890); the local part is folded, and loses quotes
 * that it does not need (RFC 5321 section 4.1.2: they are no part of it). RFC 5321 section 2.4 leaves the case of the
 * local part to its host; in practice no host tells `Bob` from `bob`, and an admin who searches does not either.
 */
export function addressKey(address: string): string {
  // Nearly all mail takes this way.
  const folded = isAscii(address) ? address.toLowerCase() : foldBeyondAscii(address);
  return folded[0] === '"' ? withoutNeedlessQuotes(folded) : folded;
}

/** `ü` may come as one character or as two that look the same; NFC makes them one (RFC 6532 section 3.1). */
function foldBeyondAscii(address: string): string {
  const at = address.lastIndexOf('@');
  const domain = address.slice(at + 1);
  const local = at < 0 ? '' : address.slice(0, at + 1);
  return foldText(local) + foldDomain(domain);
}

/** Lower case, an IDN as its A-label (RFC 5890): the form in which two spellings of one domain meet. */
export function foldDomain(domain: string): string {
  return isAscii(domain) ? domain.toLowerCase() : domainToASCII(domain) || foldText(domain);
}

/** Folding can take a character apart again. */
function foldText(text: string): string {
  return text.normalize('NFC').toLowerCase().normalize('NFC');
}

function withoutNeedlessQuotes(address: string): string {
  const end = endOfQuotedString(address);
  if (end < 0 || address[end] !== '@') return address;
  const local = address.slice(1, end - 1).replace(/\\(.)/g, '$1');
  const needsNone = endOfDotString(`${local}@`) === local.length;
  return (needsNone ? local : `"${local.replace(/["\\]/g, '\\$&')}"`) + address.slice(end);
}

/** Index of the `@` after the local part, or -1. */
function endOfLocalPart(text: string): number {
  return text[0] === '"' ? endOfQuotedString(text) : endOfDotString(text);
}

function endOfDotString(text: string): number {
  let previousWasDot = true;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x40) return previousWasDot ? -1 : i;
    if (code === 0x2e) {
      if (previousWasDot) return -1;
      previousWasDot = true;
    } else if (isAtext(code)) {
      previousWasDot = false;
    } else {
      return -1;
    }
  }
  return -1;
}

function endOfQuotedString(text: string): number {
  for (let i = 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x22) return i + 1;
    if (code === 0x5c) {
      i += 1;
      const quoted = text.charCodeAt(i);
      if (!(quoted >= 0x20 && quoted <= 0x7e)) return -1;
    } else if (code < 0x20 || code === 0x7f || (code > 0x7f && !isBeyondAscii(code))) {
      return -1;
    }
  }
  return -1;
}

/** RFC 5322 atext, and what RFC 6531 section 3.3 adds to it. */
function isAtext(code: number): boolean {
  return code < 0x80 ? ATEXT[code] === 1 : isBeyondAscii(code);
}

/**
 * What RFC 6531 adds, without C1 controls, line and paragraph separators and the byte order mark. U+FFFD is what bytes
 * that are not UTF-8 have become: the mailbox would not be the one that was sent.
 */
function isBeyondAscii(code: number): boolean {
  return code >= 0xa0 && code !== 0x2028 && code !== 0x2029 && code !== 0xfeff && code !== 0xfffd;
}

const ATEXT = (() => {
  const table = new Uint8Array(256);
  for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~") {
    table[char.charCodeAt(0)] = 1;
  }
  return table;
})();

/** Labels of letters, digits and inner hyphens, or of U-label characters (RFC 6531). */
export function isDomain(domain: string): boolean {
  return domain.length > 0 && domain.split('.').every(isLabel);
}

function isLabel(label: string): boolean {
  if (label.length === 0 || label.length > MAX_LABEL) return false;
  if (label.startsWith('-') || label.endsWith('-')) return false;
  for (let i = 0; i < label.length; i += 1) {
    const code = label.charCodeAt(i);
    const isLetterOrDigit = (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
    if (!isLetterOrDigit && code !== 45 && !isBeyondAscii(code)) return false;
  }
  return true;
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3). */
function isAddressLiteral(domain: string): boolean {
  if (!domain.startsWith('[') || !domain.endsWith(']')) return false;
  const inner = domain.slice(1, -1);
  return /^ipv6:/i.test(inner) ? isIPv6(inner.slice(5)) && !inner.includes('%') : isIPv4(inner);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7e) return false;
  return true;
}
