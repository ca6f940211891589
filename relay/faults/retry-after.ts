// The time that a reply asks for: "Greylisted for 300 seconds", "Try again in 5 minutes", "come back in 00:02:00",
// "retry after 488 s", "Account will be enabled in 341 seconds". One pass over its words, without patterns that could
// go back and forth; a number only counts behind words that speak of waiting.

const UNIT_MS: Readonly<Record<string, number>> = {
  ...{ s: 1_000, sec: 1_000, secs: 1_000, second: 1_000, seconds: 1_000 },
  ...{ m: 60_000, min: 60_000, mins: 60_000, minute: 60_000, minutes: 60_000 },
  ...{ h: 3_600_000, hr: 3_600_000, hour: 3_600_000, hours: 3_600_000 },
};
/** "unable to deliver in 840 minutes" and "5 messages in 60 seconds" speak of other things. */
const WAITING = new Set(['retry', 'again', 'later', 'back', 'wait', 'greylisted', 'greylisting', 'enabled']);
/** Most texts have none of them. */
const LEADS = ['retry', 'again', 'later', 'back', 'wait', 'greylist', 'enabled'];
const BEFORE_NUMBER = new Set(['in', 'for', 'after', 'wait', 'least', 'about']);
/** How many words the waiting may stand before its time: "greylisted by policy, please wait at least 5 minutes". */
const REACH = 5;
/** Beyond a day it is no advice about one message. */
const LONGEST_MS = 86_400_000;

/** In milliseconds; null when the reply does not say. The text in lower case. */
export function retryAfterMs(text: string): number | null {
  if (!hasDigit(text) || !LEADS.some(lead => text.includes(lead))) return null;
  const words = text.split(' ').map(bare);
  let reach = 0;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i]!;
    if (word.startsWith('retry-after')) return secondsBehind(word, words[i + 1]);
    if (WAITING.has(word)) reach = REACH + 1;
    if (reach === 0) continue;
    reach -= 1;
    const waitMs = BEFORE_NUMBER.has(words[i - 1] ?? '') ? durationAt(word, words[i + 1]) : null;
    if (waitMs !== null) return waitMs;
  }
  return null;
}

/** `300` and `seconds`, `30s`, or `00:05:00`. */
function durationAt(word: string, next = ''): number | null {
  if (word.includes(':')) return clockTime(word);
  const digits = leadingDigits(word);
  if (digits === 0 || digits > 6) return null;
  const unitMs = UNIT_MS[digits === word.length ? next : word.slice(digits)];
  return unitMs === undefined ? null : bounded(Number(word.slice(0, digits)) * unitMs);
}

/** Hours, minutes and seconds. */
function clockTime(word: string): number | null {
  const parts = word.split(':');
  if (parts.length !== 3 || parts.some(part => part.length !== 2 || leadingDigits(part) !== 2)) return null;
  const [hours, minutes, seconds] = parts.map(Number) as [number, number, number];
  return bounded(((hours * 60 + minutes) * 60 + seconds) * 1_000);
}

/** As HTTP has it: a bare number is seconds. */
function secondsBehind(word: string, next = ''): number | null {
  const number = word.slice('retry-after'.length).replace(/^[:=]/, '') || next;
  const digits = leadingDigits(number);
  return digits > 0 && digits <= 6 ? bounded(Number(number.slice(0, digits)) * 1_000) : null;
}

function bounded(ms: number): number | null {
  return ms > 0 && ms <= LONGEST_MS ? ms : null;
}

function leadingDigits(word: string): number {
  let count = 0;
  while (count < word.length && isDigit(word.charCodeAt(count))) count += 1;
  return count;
}

function hasDigit(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (isDigit(text.charCodeAt(i))) return true;
  return false;
}

const isDigit = (code: number) => code >= 48 && code <= 57;

/** Without the punctuation around it. */
function bare(word: string): string {
  let start = 0;
  let end = word.length;
  while (start < end && '([<"\''.includes(word[start]!)) start += 1;
  while (end > start && ')]>"\'.,;!'.includes(word[end - 1]!)) end -= 1;
  return word.slice(start, end);
}
