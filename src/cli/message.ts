// `postern message find|show|raw|retry`: what happened to the mail to x, and why.
import type { Command } from 'commander';
import { Option } from 'commander';
import type { DeliveryState } from '../mail/outcome.ts';
import type { MessageId } from '../mail/submission.ts';
import { parseDuration } from '../platform/duration.ts';
import { isId } from '../platform/id.ts';
import { createWakeQueue } from '../platform/queue.ts';
import { type FoundMessage, findMessages, readRaw, readStory } from '../store/archive.ts';
import { retryMessage } from '../store/control.ts';
import { Failure, formatTime, printJson, printTable, withStore } from './context.ts';
import { tellStory } from './timeline.ts';

type FindOptions = {
  to?: string;
  from?: string;
  subject?: string;
  messageId?: string;
  state?: DeliveryState;
  since?: string;
  before?: string;
  limit: string;
  json?: boolean;
};

const STATES = ['queued', 'held', 'captured', 'delivered', 'failed', 'expired', 'suppressed', 'cancelled'];

export function registerMessage(program: Command): void {
  const message = program.command('message').description('messages and what became of them');
  message
    .command('find')
    .description('messages, newest first')
    .option('--to <address>', 'recipient; * stands for anything: *@example.com')
    .option('--from <address>', 'sender, of the envelope or in the From field')
    .option('--subject <text>', 'words of the subject')
    .option('--message-id <id>', 'the Message-ID of its header')
    .addOption(new Option('--state <state>', 'with a delivery in this state').choices(STATES))
    .option('--since <time>', 'accepted since: 15m, 2d, or 2026-11-23T14:00')
    .option('--limit <n>', 'how many', '20')
    .option('--before <id>', 'older than this one: the next page')
    .option('--json', 'print JSON, one message a line')
    .action(find);
  message.command('show <id>').description('its whole story').option('--json', 'print JSON').action(show);
  message.command('raw <id>').description('its bytes, as they leave the house').action(raw);
  message
    .command('retry <id>')
    .description('try now what waits, failed or expired')
    .option('--json', 'print JSON')
    .action(retry);
}

async function find(options: FindOptions): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) throw new Failure('--limit is a number from 1 to 10000');
  const { to, from, subject, messageId: internetMessageId, state, before } = options;
  const since = options.since === undefined ? undefined : parseSince(options.since, Date.now());
  const found = await withStore(({ db }) =>
    findMessages(db, { to, from, subject, internetMessageId, state, since, before: before && asId(before), limit }),
  );
  if (options.json) found.forEach(printJson);
  else if (found.length === 0) console.log('Nothing found.');
  else {
    printTable(['ID', 'ACCEPTED', 'FROM', 'TO', 'STATE', 'SUBJECT'], found.map(row));
    if (found.length === limit) console.log(`\nThere may be more: --before ${found.at(-1)!.messageId}`);
  }
}

function parseSince(text: string, now: number): Date {
  const ago = parseDuration(text);
  const date = ago === null ? new Date(text) : new Date(now - ago);
  if (Number.isNaN(date.getTime()))
    throw new Failure(`--since ${text} is neither a duration nor a time (example: 15m)`);
  return date;
}

function row({ messageId, acceptedAt, reversePath, deliveries, subject }: FoundMessage): string[] {
  const others = deliveries.length > 1 ? ` +${deliveries.length - 1}` : '';
  const states = [...new Set(deliveries.map(delivery => delivery.state))].join(', ');
  return [
    messageId,
    formatTime(acceptedAt),
    reversePath ?? '<>',
    `${deliveries[0]?.recipient}${others}`,
    states,
    subject ?? '',
  ];
}

async function show(id: string, { json }: { json?: boolean }): Promise<void> {
  const story = await withStore(({ db }) => readStory(db, asId(id)));
  if (!story) throw new Failure(`there is no message ${id}`);
  if (json) printJson(story);
  else console.log(tellStory(story));
}

async function raw(id: string): Promise<void> {
  const bytes = await withStore(({ db }) => readRaw(db, asId(id)));
  if (!bytes) throw new Failure(`there is no message ${id}`);
  process.stdout.write(bytes);
}

async function retry(id: string, { json }: { json?: boolean }): Promise<void> {
  const retried = await withStore(async ({ db, url }, settings, log) => {
    const count = await retryMessage(db, asId(id), settings.POSTERN_MAX_AGE);
    const queue = createWakeQueue({ databaseUrl: url, redisUrl: settings.REDIS_URL, log });
    if (count > 0) await queue.wakeNow();
    await queue.close();
    return count;
  });
  if (retried === 0) throw new Failure(`nothing of ${id} waits, failed or expired`);
  if (json) printJson({ messageId: id, deliveries: retried });
  else console.log(`${retried} ${retried === 1 ? 'delivery is' : 'deliveries are'} due now.`);
}

function asId(text: string): MessageId {
  const id = text.toUpperCase();
  if (!isId(id)) throw new Failure(`${text} is not a message id (example: 01KAR2Z4X0FQ3ZC4M8Y5T6V7W8)`);
  return id as MessageId;
}
