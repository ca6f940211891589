// `postern event list`: what happened that is about no message (a domain, a quota), or all that happened to one.
import type { Command } from 'commander';
import { type ListedEvent, listEvents } from '../store/events.ts';
import { formatSecond, printJson, UsageError, withStore } from './context.ts';
import { asId, parseSince } from './message-choice.ts';
import { firstPage, readLimit } from './page.ts';
import { printTable } from './table.ts';

type ListOptions = {
  topic?: string;
  kind?: string;
  message?: string;
  since?: string;
  limit: string;
  before?: string;
  json?: boolean;
};

export function registerEvent(program: Command): void {
  program
    .command('event')
    .description('what happened')
    .command('list')
    .description('events that are about no message, newest first')
    .option('--topic <topic>', 'what they are about; * stands for anything: domain:example.com, quota:*')
    .option('--kind <kind>', 'one kind of them')
    .option('--message <id>', 'instead those of this message')
    .option('--since <time>', 'since: 15m, 2d, or 2026-11-23T14:00')
    .option('--limit <n>', 'how many', '50')
    .option('--before <id>', 'older than this one: the next page')
    .option('--json', 'print JSON, one event a line')
    .action(list);
}

async function list({ message, since, json, ...options }: ListOptions): Promise<void> {
  const limit = readLimit(options.limit, 10_000);
  const before = options.before === undefined ? undefined : Number(options.before);
  if (before !== undefined && !Number.isSafeInteger(before))
    throw new UsageError('--before is the id that the last page ended with');
  const filter = {
    ...{ topic: options.topic, kind: options.kind, limit: limit + 1, before },
    messageId: message === undefined ? undefined : asId(message),
    since: since === undefined ? undefined : parseSince(since, Date.now()),
  };
  const found = await withStore(({ db }) => listEvents(db, filter));
  const { page, hasMore } = firstPage(found, limit);
  if (json) return page.forEach(printJson);
  if (page.length === 0) return console.log('Nothing found.');
  printTable(['AT', 'KIND', 'ABOUT', 'DATA'], page.map(row));
  if (hasMore) console.log(`\nThere is more: --before ${page.at(-1)!.eventId}`);
}

function row({ at, kind, topic, messageId, n, data }: ListedEvent): string[] {
  const about = topic ?? (n === null ? messageId! : `${messageId}.${n}`);
  return [formatSecond(at), kind, about, describeData(data)];
}

/** `used: 4, limit: 5`: as JSON has it, without its marks and without what is empty. */
function describeData(data: unknown): string {
  const entries = Object.entries((data ?? {}) as Record<string, unknown>).map(([name, value]) => [name, words(value)]);
  return entries
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
}

function words(value: unknown): string {
  if (Array.isArray(value)) return value.map(words).join(' and ');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '');
}
