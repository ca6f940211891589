// What the tour looks like: at most 100 columns, colour only on a terminal.
import type { Gateway } from './gateway.ts';
import type { Upstreams } from './tour.ts';

const COLUMNS = 98;
const colour = Boolean(process.stdout.isTTY) && !process.env.NO_COLOR;
const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
const [bold, dim, red, green, yellow, cyan] = [paint(1), paint(2), paint(31), paint(32), paint(33), paint(36)];
const line = (text = '') => console.log(text);

export function opening({ smtpPort, directory }: Gateway, { first, second }: Upstreams): void {
  line();
  line(bold('Postern, a guided tour'));
  line();
  line(`  app → ${cyan('Postern')} (SMTP on 127.0.0.1:${smtpPort}, own PostgreSQL in ${directory})`);
  line(`          ├→ upstream ${cyan('first')}   127.0.0.1:${first.port}, which will have several bad days`);
  line(`          └→ upstream ${cyan('second')}  127.0.0.1:${second.port}, for when the first one fails`);
}

export function printScene(number: number, { title, text }: { title: string; text: string }): void {
  const head = `── ${number}. ${title} `;
  line();
  line(bold(head + '─'.repeat(Math.max(0, COLUMNS - head.length))));
  line();
  for (const part of wrap(text, 2, 0)) line(part);
}

export function printReply(to: readonly string[], reply: string): void {
  line();
  for (const part of wrap(`app: mail to ${to.join(', ')}`, 2, 4)) line(part);
  line(`  ${dim('←')} ${green(reply)}`);
}

export function say(text: string): void {
  line();
  for (const part of wrap(text, 2, 0)) line(yellow(part));
}

export function printStory(command: string, story: string): void {
  line();
  line(`  ${dim('$')} ${command}`);
  for (const told of story.split('\n')) for (const part of wrap(told, 2, 4)) line(paintStory(part).trimEnd());
}

export function closing(count: { messages: number; recipients: number; seconds: number }): void {
  line();
  line(bold('─'.repeat(COLUMNS)));
  line();
  line(`  ${count.messages} messages to ${count.recipients} recipients were accepted, and each came to its outcome,`);
  line(`  once, whatever the upstreams did. The tour took ${count.seconds.toFixed(0)} s and leaves nothing behind.`);
  line();
  line(`  Next: ${cyan('npm start')}, and README.md.`);
  line();
}

export function warning(text: string, log: string): void {
  console.error(`\n${red('The tour went wrong:')} ${text}\n\nThe gateway's last words:\n${log}\n`);
}

function paintStory(text: string): string {
  if (/^\s+→/.test(text)) return cyan(text);
  if (/: delivered\b/.test(text)) return green(text);
  if (/: failed\b/.test(text)) return red(text);
  return /: (refused|unreachable|uncertain)\b/.test(text) ? yellow(text) : text;
}

/** Broken at spaces; what follows the first part stands `hang` columns deeper than the text began. */
function wrap(text: string, indent: number, hang: number): string[] {
  const begin = ' '.repeat(indent) + /^ */.exec(text)![0];
  const parts: string[] = [];
  let part = begin;
  for (const word of text.trim().split(' ')) {
    if (part.trim() !== '' && part.length + 1 + word.length > COLUMNS) {
      parts.push(part);
      part = begin + ' '.repeat(hang);
    }
    part += part.trim() === '' ? word : ` ${word}`;
  }
  return [...parts, part];
}
