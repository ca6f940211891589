/**
 * Sendmail 8 without status part, and version 5 that only shows its transcript. Active!Hunter writes the same shape.
 * Sample:
 *        ----- The following addresses had permanent fatal errors -----
 *     <joe@example.org>
 *         (reason: 550 5.1.1 <joe@example.org>... User unknown)
 *         (expanded from: <j@example.net>)
 *        ----- Transcript of session follows -----
 *     ... while talking to mx.example.org.:
 *     >>> RCPT To:<joe@example.org>
 *     <<< 550 5.1.1 <joe@example.org>... User unknown
 */
import { addressOf, findAddresses, sameAddress, scanAddress } from '../address.ts';
import type { CustomFamily, FreeformInput } from '../family.ts';
import type { Reading } from '../recipient.ts';

export const sendmail: CustomFamily = {
  name: 'sendmail',
  marks: [
    'transcript of session follows',
    'had permanent fatal errors',
    'had transient non-fatal errors',
    'addresses had delivery problems -',
    'had fatal errors',
    'while talking to',
    'following addresses had successful delivery',
  ],
  read,
};

interface Listed {
  readonly address: string;
  readonly evidence: string;
  original: string | null;
  readonly reason: string[];
}

function read({ report }: FreeformInput): Reading[] {
  const transcript = report.lines.findIndex(line => isHeading(line, 'transcript'));
  const session = transcript === -1 ? report.lines : report.lines.slice(transcript + 1);
  const listed = readList(report.lines);
  if (listed.length === 0) return readTranscript(session);
  return listed.map(one => ({
    finalRecipient: one.address,
    originalRecipient: one.original,
    diagnostic: one.reason.join('\n') || saidAbout(one.address, session),
    evidence: [one.evidence, ...one.reason.slice(0, 3)],
  }));
}

function isHeading(line: string, word: string): boolean {
  return line.trimStart().startsWith('---') && line.toLowerCase().includes(word);
}

/** The lists between a heading that speaks of addresses and the next heading. */
function readList(lines: readonly string[]): Listed[] {
  const listed: Listed[] = [];
  let inside = false;
  for (const line of lines) {
    if (line.trimStart().startsWith('---'))
      inside = line.toLowerCase().includes('address') || line.toLowerCase().includes('recipient');
    else if (inside) readListLine(line.trim(), listed);
  }
  return listed;
}

function readListLine(text: string, listed: Listed[]): void {
  const last = listed[listed.length - 1];
  const lower = text.toLowerCase();
  if (lower.startsWith('(expanded from') && last) last.original = addressOf(text);
  else if (lower.startsWith('(reason:') && last) last.reason.push(text.slice(8).trim().replace(/\)$/, ''));
  else if (lower.startsWith('(') && last) last.reason.push(text);
  else if (last && last.reason.length > 0 && !scanAddress(text, 0) && text !== '') last.reason.push(text);
  else addListed(text, listed);
}

function addListed(text: string, listed: Listed[]): void {
  const plain = text.startsWith('>>>') ? text.slice(3) : text;
  const found = scanAddress(plain.trim(), 0);
  const name = found ? undefined : /^<?([\w.+-]{1,64})>?$/.exec(plain.trim())?.[1];
  const address = found?.address ?? name;
  const rest = found ? plain.trim().slice(found.end).trim() : '';
  const reason = rest.startsWith('(') ? [rest] : [];
  if (address && listed.length < 1_000) listed.push({ address, evidence: text, original: null, reason });
}

/** What stands in the transcript up to the line that names the address, since the line that named another one. */
function saidAbout(address: string, session: readonly string[]): string {
  const lines = session
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('>>>') && !line.startsWith('...'));
  const lower = address.toLowerCase();
  const last = lines.findLastIndex(line => line.toLowerCase().includes(lower));
  if (last === -1) return lines.filter(isAnswer).slice(0, 20).join('\n');
  const isOther = (line: string): boolean =>
    line.includes('@') && line.includes('...') && !line.toLowerCase().includes(lower);
  const first = lines.slice(0, last).findLastIndex(isOther) + 1;
  return lines
    .slice(Math.max(first, last - 20), last + 1)
    .map(line => line.replace(/^<<<\s*/, ''))
    .join('\n');
}

function isAnswer(line: string): boolean {
  return line.startsWith('<<<') || /^[45]\d\d[ -]/.test(line);
}

/** Version 5: "550 <address>... User unknown" closes what was said before it; else the refused RCPT names the address. */
function readTranscript(session: readonly string[]): Reading[] {
  const readings: Reading[] = [];
  let chunk: string[] = [];
  let refused: string | null = null;
  for (const line of session.map(one => one.trim())) {
    if (line.toLowerCase().includes('while talking to')) chunk = [];
    if (line.toLowerCase().startsWith('>>> rcpt')) refused = addressOf(line);
    if (isAnswer(line)) chunk.push(line.replace(/^<<<\s*/, ''));
    const found = /^[45]\d\d /.test(line) && line.includes('...') ? findAddresses(line.slice(0, 400), 1)[0] : undefined;
    if (!found) continue;
    if (!readings.some(one => sameAddress(one.finalRecipient ?? '', found)))
      readings.push({ finalRecipient: found, diagnostic: chunk.join('\n'), evidence: [line] });
    chunk = [];
  }
  if (readings.length === 0 && refused)
    readings.push({ finalRecipient: refused, diagnostic: chunk.join('\n'), evidence: chunk.slice(0, 4) });
  return readings;
}
