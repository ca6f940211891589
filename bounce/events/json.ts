/** JSON of strangers, read without trusting its shape: whatever is missing or of another type is empty, and nothing throws. */
import { createHash } from 'node:crypto';

export type Json = Readonly<Record<string, unknown>>;

/** Far deeper than any provider goes; a megabyte of brackets would end in a stack overflow of whoever walks it. */
const MAX_DEPTH = 64;

/** Undefined when the text is not JSON, or too deep. */
export function parseJson(text: string): unknown {
  if (depthOf(text) > MAX_DEPTH) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function listOf(value: unknown, most = 1_000): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, most) : [];
}

/** One line of at most `most` characters, fit for PostgreSQL and for a log; numbers as they are written. */
export function textOf(value: unknown, most = 1_000): string {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return '';
  const plain = value.slice(0, most).replace(/[\u0000-\u0020\u007f-\u009f\u2028\u2029]+/g, ' ');
  return plain.trim().toWellFormed();
}

/** Seconds since 1970 or a date as text. A time that cannot be, or lies ahead, becomes `receivedAt`. */
export function timeOf(value: unknown, receivedAt: Date): Date {
  const isSeconds = typeof value === 'number' || (typeof value === 'string' && /^\d{1,12}(\.\d+)?$/.test(value));
  // SES once wrote a blank before the zone.
  const time = isSeconds ? Number(value) * 1_000 : Date.parse(textOf(value, 64).replace(' ', ''));
  const ahead = receivedAt.getTime() + 86_400_000;
  return time > 946_684_800_000 && time < ahead ? new Date(time) : receivedAt;
}

/** Evidence, as the provider wrote it. */
export function rawText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

/** A name for a fact that has none: the same facts have the same one. */
export function digestOf(...facts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, 32);
}

/** Counted outside of strings. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x22) i = endOfString(text, i);
    else if (char === 0x5b || char === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (char === 0x5d || char === 0x7d) depth--;
  }
  return deepest;
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x5c) i++;
    else if (char === 0x22) return i;
  }
  return text.length;
}
