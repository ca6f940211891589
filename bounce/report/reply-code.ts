/**
 * SMTP reply codes and enhanced status codes inside free text, told apart from addresses, versions, sizes and dates.
 * One pass each, no regular expressions.
 */

export interface ReplyCodes {
  readonly replyCode: string | null;
  readonly status: string | null;
}

/** The pair that says most: a status beside a reply code, else the best of each. */
export function findReplyCodes(text: string): ReplyCodes {
  const cut = text.length > 8_192 ? text.slice(0, 8_192) : text;
  const reply = bestReplyCode(cut);
  const status = (reply && statusBehind(cut, reply.end)) ?? firstStatus(cut);
  return { replyCode: reply?.code ?? null, status };
}

/** Every enhanced status code, in order. */
export function findStatuses(text: string): string[] {
  const found: string[] = [];
  for (let dot = text.indexOf('.'); dot !== -1 && found.length < 20; dot = text.indexOf('.', dot + 1)) {
    const status = statusAt(text, dot - 1);
    if (status) found.push(status);
  }
  return found;
}

/** `5.1.1`, also out of `5.1.1 (bad mailbox)`; null for anything else, such as four-part numbers. */
export function readStatus(value: string): string | null {
  const at = value.search(/[245]\.[0-9]/);
  return at === -1 || at > 40 ? null : statusAt(value, at);
}

/** A code that says no more than its class. */
export function isVague(status: string | null): boolean {
  return status === null || status.endsWith('.0.0') || status === '5.1.0';
}

function firstStatus(text: string): string | null {
  const all = findStatuses(text);
  return all.find(status => !isVague(status) && status[0] !== '2') ?? all[0] ?? null;
}

/** Reads class.subject.detail at `at`, where nothing before or behind makes it part of a longer number. */
function statusAt(text: string, at: number): string | null {
  const first = text[at];
  if ((first !== '2' && first !== '4' && first !== '5') || text[at + 1] !== '.') return null;
  if (
    at > 0 &&
    (isDigit(text[at - 1]) || '.-v/_'.includes(text[at - 1]!)) &&
    !(text[at - 1] === '-' && isDigit(text[at - 2]))
  )
    return null;
  const subjectEnd = digitsEnd(text, at + 2);
  if (subjectEnd === at + 2 || subjectEnd > at + 3 || text[subjectEnd] !== '.' || text[at + 2]! > '7') return null;
  const detailEnd = digitsEnd(text, subjectEnd + 1);
  if (detailEnd === subjectEnd + 1 || detailEnd > subjectEnd + 4) return null;
  if (text[detailEnd] === '.' && isDigit(text[detailEnd + 1])) return null;
  if (text[detailEnd] !== undefined && isWordChar(text[detailEnd]!)) return null;
  return text.slice(at, detailEnd);
}

function statusBehind(text: string, at: number): string | null {
  let start = at;
  while (start < at + 4 && ' -:#(\'"'.includes(text[start] ?? 'x')) start++;
  return statusAt(text, start);
}

interface Candidate {
  readonly code: string;
  readonly end: number;
  readonly weight: number;
}

function bestReplyCode(text: string): Candidate | undefined {
  let best: Candidate | undefined;
  for (let i = 0; i + 2 < text.length; i++) {
    const first = text.charCodeAt(i);
    if (first !== 52 && first !== 53) continue;
    const candidate = replyCodeAt(text, i);
    if (candidate && candidate.weight > (best?.weight ?? 0)) best = candidate;
    if (best && best.weight >= 10) return best;
  }
  return best;
}

/** Weights: where a code stands tells how sure it is one ("said: 550", line start, "550 5.1.1"). */
function replyCodeAt(text: string, at: number): Candidate | undefined {
  const end = at + 3;
  if (!isDigit(text[at + 1]) || !isDigit(text[at + 2]) || text[at + 1]! > '7') return undefined;
  const before = at === 0 ? '\n' : text[at - 1]!;
  const after = text[end] ?? '\n';
  if (!'\n\t :(<#[";\'=>|*'.includes(before) || !' \n\t-:;,.#_)"]\''.includes(after)) return undefined;
  if (after === '.' && isDigit(text[end + 1])) return undefined;
  if ((before === '[' || before === '(') && (after === ']' || after === ')')) return undefined;
  const status = statusBehind(text, end);
  const lead = text
    .slice(Math.max(0, at - 14), at)
    .trimEnd()
    .toLowerCase();
  const follows = lead === '' || before === '\n' || leads.some(mark => lead.endsWith(mark));
  if (!status && !follows && !isTextAfter(text, end)) return undefined;
  return {
    code: text.slice(at, end),
    end,
    weight: (status ? 3 : 0) + (follows ? 2 : 0) + (before === '<' && status ? 4 : 0) + 1,
  };
}

const leads = [
  'said:',
  'said',
  'smtp;',
  'smtp:',
  'reason:',
  '<<<',
  '>>>',
  ':',
  ';',
  '(state',
  'error',
  '#',
  'code',
  'error_code :',
  'with',
  'response was',
  'was:',
  'status',
  'reply:',
  'response:',
];

function isTextAfter(text: string, at: number): boolean {
  const after = text[at];
  const next = text[at + 1] ?? '';
  return (
    (after === ' ' || after === '-') &&
    next !== '' &&
    !isDigit(next) &&
    !/^(bytes|kb|mb|hours?|days?|seconds|minutes|times|ms|k\b|attempts)/i.test(text.slice(at + 1, at + 9))
  );
}

function digitsEnd(text: string, start: number): number {
  let end = start;
  while (isDigit(text[end])) end++;
  return end;
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= '0' && char <= '9';
}

function isWordChar(char: string): boolean {
  return (char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z') || isDigit(char);
}
