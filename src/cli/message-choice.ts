// Which messages are meant: options that finding and controlling share.
import { type Command, Option } from 'commander';
import type { DeliveryState } from '../mail/outcome.ts';
import type { MessageId } from '../mail/submission.ts';
import { parseDuration } from '../platform/duration.ts';
import { isId } from '../platform/id.ts';
import { UsageError } from './context.ts';

export type ChoiceOptions = {
  to?: string;
  tag?: string;
  metadata?: string[];
  state?: DeliveryState;
  since?: string;
};

const STATES = ['queued', 'held', 'captured', 'delivered', 'failed', 'expired', 'suppressed', 'cancelled'];

export function withChoice(command: Command): Command {
  return (
    command
      .option('--to <address>', 'recipient; * stands for anything: *@example.com')
      .option('--tag <tag>', 'with this tag')
      // Not variadic: it would take the ids behind it for more of itself.
      .option(
        '--metadata <name=value>',
        'with this metadata; may be repeated',
        (pair: string, others: string[] = []) => [...others, pair],
      )
      .addOption(new Option('--state <state>', 'with a delivery in this state').choices(STATES))
      .option('--since <time>', 'accepted since: 15m, 2d, or 2026-11-23T14:00')
  );
}

export function readChoice({ to, tag, metadata, state, since }: ChoiceOptions) {
  return {
    ...{ to, tag, state },
    metadata: metadata && Object.fromEntries(metadata.map(readPair)),
    since: since === undefined ? undefined : parseSince(since, Date.now()),
  };
}

function readPair(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`--metadata ${text} is not name=value (example: --metadata order=1042)`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

export function parseSince(text: string, now: number): Date {
  const ago = parseDuration(text);
  const date = ago === null ? new Date(text) : new Date(now - ago);
  if (Number.isNaN(date.getTime()))
    throw new UsageError(`--since ${text} is neither a duration nor a time (example: 15m)`);
  return date;
}

export function asId(text: string): MessageId {
  const id = text.toUpperCase();
  if (!isId(id)) throw new UsageError(`${text} is not a message id (example: 01KAR2Z4X0FQ3ZC4M8Y5T6V7W8)`);
  return id as MessageId;
}
