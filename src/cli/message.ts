// `postern message find|show|raw`: what happened to the mail to x, and why. Its control is in message-control.ts.
import type { Command } from 'commander';
import { type FoundMessage, findMessages, readRaw, readStory } from '../store/archive.ts';
import { Failure, formatSecond, printJson, withStore } from './context.ts';
import { asId, type ChoiceOptions, readChoice, withChoice } from './message-choice.ts';
import { registerMessageControl } from './message-control.ts';
import { firstPage, readLimit } from './page.ts';
import { printTable } from './table.ts';
import { tellStory } from './timeline.ts';

type FindOptions = ChoiceOptions & {
  from?: string;
  subject?: string;
  messageId?: string;
  before?: string;
  limit: string;
  json?: boolean;
};

export function registerMessage(program: Command): void {
  const message = program.command('message').description('messages and what became of them');
  withChoice(message.command('find'))
    .description('messages, newest first')
    .option('--from <address>', 'sender, of the envelope or in the From field')
    .option('--subject <text>', 'words of the subject')
    .option('--message-id <id>', 'the Message-ID of its header')
    .option('--limit <n>', 'how many', '20')
    .option('--before <id>', 'older than this one: the next page')
    .option('--json', 'print JSON, one message a line')
    .action(find);
  message.command('show <id>').description('its whole story').option('--json', 'print JSON').action(show);
  message.command('raw <id>').description('its bytes, as they leave the house').action(raw);
  registerMessageControl(message);
}

async function find(options: FindOptions): Promise<void> {
  const limit = readLimit(options.limit, 10_000);
  const { from, subject, messageId: internetMessageId, before } = options;
  const choice = readChoice(options);
  const found = await withStore(({ db }) =>
    findMessages(db, { ...choice, from, subject, internetMessageId, before: before && asId(before), limit: limit + 1 }),
  );
  const { page, hasMore } = firstPage(found, limit);
  if (options.json) page.forEach(printJson);
  else if (page.length === 0) console.log('Nothing found.');
  else {
    printTable(['ID', 'ACCEPTED', 'FROM', 'TO', 'STATE', 'SUBJECT'], page.map(row));
    if (hasMore) console.log(`\nThere is more: --before ${page.at(-1)!.messageId}`);
  }
}

function row({ messageId, acceptedAt, reversePath, deliveries, subject }: FoundMessage): string[] {
  const others = deliveries.length > 1 ? ` +${deliveries.length - 1}` : '';
  const states = [...new Set(deliveries.map(delivery => delivery.state))].join(', ');
  return [
    messageId,
    formatSecond(acceptedAt),
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
