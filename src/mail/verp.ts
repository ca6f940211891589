// Signed return paths (VERP): `b+TOKEN@bounces.example.com`. The token names one delivery and proves that whoever shows
// it was told by us, or by somebody on the way: a report without one may be anybody's invention (THREATS: forged bounces).
//
// 56 digits of base 32, Crockford's alphabet as in our ids, so that it survives hosts that fold the case of local parts:
//   26 message · 5 recipient's number · 3 day of issue · 2 key · 20 HMAC-SHA256, cut to 100 bits
// With `b+` these are 58 octets: a local part may have 64, and some hosts put two of their own in front.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { MessageId } from './submission.ts';

/** The first of a ring signs, all of them are believed. */
export type ReturnPathKey = { readonly id: string; readonly secret: Buffer };

/** n is null in a token for a whole message: it names no recipient, and so proves nothing about one. */
export type Issued = { readonly messageId: MessageId; readonly n: number | null };

export type ReadToken =
  | (Issued & { readonly kind: 'valid' })
  /** Ours, and older than any honest report. */
  | (Issued & { readonly kind: 'expired' })
  /** Made with a key that we do not have: another installation's, or one that was thrown away. */
  | { readonly kind: 'unknown-key' }
  | { readonly kind: 'forged' };

export const VALID_DAYS = 30;
const PREFIX = 'b+';
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TOKEN = /^([0-7][0-9A-HJKMNP-TV-Z]{25})([0-9A-HJKMNP-TV-Z]{5})([0-9A-HJKMNP-TV-Z]{3})(..)(.{20})$/;
const MAC_DIGITS = 20;
/** The highest number that five digits hold stands for the whole message. */
const WHOLE_MESSAGE = 32 ** 5 - 1;
const DAY_MS = 86_400_000;
/** 2020-01-01: three digits last until 2109. */
const FIRST_DAY = 18_262;

export function issueToken({ messageId, n }: Issued, key: ReturnPathKey, now: number): string {
  const named = messageId + digits(n ?? WHOLE_MESSAGE, 5) + digits(dayOf(now), 3) + key.id;
  return (named + mac(named, key)).toLowerCase();
}

export function returnPath(issued: Issued, domain: string, key: ReturnPathKey, now: number): string {
  return returnPathOf(issueToken(issued, key, now), domain);
}

export function returnPathOf(token: string, domain: string): string {
  return `${PREFIX}${token}@${domain}`;
}

export function readToken(token: string, keys: readonly ReturnPathKey[], now: number): ReadToken {
  const [, messageId, number, day, keyId, given] = TOKEN.exec(token.toUpperCase()) ?? [];
  if (given === undefined) return { kind: 'forged' };
  const key = keys.find(({ id }) => id === keyId);
  if (!key) return { kind: 'unknown-key' };
  const expected = mac(messageId! + number + day + keyId, key);
  if (!timingSafeEqual(Buffer.from(given.padEnd(MAC_DIGITS)), Buffer.from(expected))) return { kind: 'forged' };
  const n = numberOf(number!);
  // A day ahead is a clock that differs; more is nobody's honest report, and no token of ours either.
  const age = dayOf(now) - numberOf(day!);
  const issued: Issued = { messageId: messageId as MessageId, n: n === WHOLE_MESSAGE ? null : n };
  return { kind: age >= -1 && age <= VALID_DAYS ? 'valid' : 'expired', ...issued };
}

/** The token in `b+TOKEN@domain`, or null; the domain may be anyone's when none is given. */
export function tokenOf(address: string, domain: string | null): string | null {
  const lower = address.toLowerCase();
  const at = lower.lastIndexOf('@');
  if (!lower.startsWith(PREFIX) || (domain !== null && lower.slice(at + 1) !== domain.toLowerCase())) return null;
  const token = lower.slice(PREFIX.length, at);
  return isToken(token) ? token : null;
}

export function isToken(text: string): boolean {
  return TOKEN.test(text.toUpperCase());
}

/** All that looks like a return path of ours in a text, each once, at most `most`. Linear. */
export function findTokens(text: string, domain: string, most: number): string[] {
  const lower = text.toLowerCase();
  const mark = `@${domain.toLowerCase()}`;
  const length = PREFIX.length + 56;
  const found = new Set<string>();
  for (let at = lower.indexOf(mark); at !== -1 && found.size < most; at = lower.indexOf(mark, at + 1)) {
    const token = tokenOf(lower.slice(Math.max(0, at - length), at) + mark, domain);
    if (token !== null) found.add(token);
  }
  return [...found];
}

function mac(named: string, { secret }: ReturnPathKey): string {
  const hash = createHmac('sha256', secret).update(named).digest();
  let text = '';
  for (let i = 0; i < MAC_DIGITS; i += 1) {
    const bit = i * 5;
    const pair = (hash[bit >> 3]! << 8) | hash[(bit >> 3) + 1]!;
    text += ALPHABET[(pair >> (11 - (bit & 7))) & 31];
  }
  return text;
}

function digits(value: number, count: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < count; i += 1) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function numberOf(text: string): number {
  return [...text].reduce((value, digit) => value * 32 + ALPHABET.indexOf(digit), 0);
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS) - FIRST_DAY;
}
