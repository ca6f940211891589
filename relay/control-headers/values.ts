// The values of control fields, as people and libraries write them.
import { parseDuration } from '../../src/platform/duration.ts';

export function parseYesNo(text: string): boolean | null {
  switch (text.toLowerCase()) {
    case 'yes':
    case 'true':
    case 'on':
    case '1':
      return true;
    case 'no':
    case 'false':
    case 'off':
    case '0':
      return false;
    default:
      return null;
  }
}

export function parseList(text: string): string[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '');
}

/** `key=value, key=value`; null when an entry has no key or no value. */
export function parsePairs(text: string): [string, string][] | null {
  const pairs = parseList(text).map(entry => {
    const equals = entry.indexOf('=');
    return [entry.slice(0, Math.max(equals, 0)).trim(), entry.slice(equals + 1).trim()] as [string, string];
  });
  return pairs.some(([key, value]) => key === '' || value === '') ? null : pairs;
}

/** A JSON object as its entries, so that no name in it can mean anything; null when the text is none. */
export function parseObject(text: string): [string, unknown][] | null {
  try {
    return entriesOf(JSON.parse(text));
  } catch {
    return null;
  }
}

export function entriesOf(value: unknown): [string, unknown][] | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : null;
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d)$/;
/** RFC 5322 section 3.3, with the time zones that are still written; a comment may follow. */
const RFC5322 =
  /^(?:[a-z]{3},? ?)?(\d{1,2}) ([a-z]{3}) (\d{4}) \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|gmt|utc?|z)(?: \([\w ]*\))?$/i;
const UNIX_SECONDS = /^\d{9,11}$/;
const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec';

/** Milliseconds since 1970; a time without a zone is nobody's time, and null like anything else that is none. */
export function parseTime(text: string, now: number): number | null {
  if (text.startsWith('+')) {
    const ahead = parseDuration(text.slice(1));
    return ahead === null ? null : now + ahead;
  }
  if (UNIX_SECONDS.test(text)) return Number(text) * 1_000;
  const iso = RFC3339.exec(text);
  if (iso) return isDay(Number(iso[1]), Number(iso[2]), Number(iso[3])) ? parseDate(text.replace(' ', 'T')) : null;
  const mail = RFC5322.exec(text);
  if (!mail) return null;
  const month = MONTHS.indexOf(mail[2]!.toLowerCase()) / 3 + 1;
  return isDay(Number(mail[3]), month, Number(mail[1])) ? parseDate(text) : null;
}

function parseDate(text: string): number | null {
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/** Date.parse takes the 30th of February for the 2nd of March. */
function isDay(year: number, month: number, day: number): boolean {
  return Number.isInteger(month) && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
