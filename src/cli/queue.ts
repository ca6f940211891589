// `postern queue status`: what waits, and why, and who sends.
import type { Command } from 'commander';
import { type LiveDispatcher, listDispatchers } from '../store/dispatchers.ts';
import { readFallbacks } from '../store/fallbacks.ts';
import { queueSummary } from '../store/queue-summary.ts';
import { formatSecond, formatTime, printJson, withStore } from './context.ts';
import { printTable } from './table.ts';
import { describeFallback } from './upstream-state.ts';

export function registerQueue(program: Command): void {
  const queue = program.command('queue').description('what waits to be sent');
  queue
    .command('status')
    .description('how much waits, since when, and why; which dispatchers are at work')
    .option('--json', 'print JSON')
    .action(status);
}

async function status({ json }: { json?: boolean }): Promise<void> {
  const { summary, dispatchers, fallbacks } = await withStore(async ({ pool }) => ({
    summary: await queueSummary(pool),
    dispatchers: await listDispatchers(pool),
    fallbacks: await readFallbacks(pool),
  }));
  if (json) return printJson({ ...summary, dispatchers, fallbacks });
  console.log(
    `${summary.queued} queued: ${summary.due} due, ${summary.later} later, ${summary.leased} being tried, ${summary.parked} waiting for an upstream` +
      (summary.oldestAcceptedAt ? `; the oldest since ${formatTime(summary.oldestAcceptedAt)}` : ''),
  );
  if (summary.held > 0)
    console.log(
      `${summary.held} held: \`npx postern message find --state held\` shows them, \`message release\` sends them`,
    );
  console.log(describeDispatchers(dispatchers));
  for (const fallback of fallbacks) console.log(describeFallback(fallback));
  if (summary.reasons.length > 0) {
    console.log('');
    printTable(
      ['COUNT', 'NEXT', 'REASON'],
      summary.reasons.map(reason => [String(reason.count), formatTime(reason.nextAt), reason.reason]),
    );
  }
}

function describeDispatchers(dispatchers: readonly LiveDispatcher[]): string {
  if (dispatchers.length === 0) return 'no dispatcher at work';
  const each = dispatchers.map(({ node, startedAt }) => `${node} since ${formatSecond(startedAt)}`);
  return `${dispatchers.length} ${dispatchers.length === 1 ? 'dispatcher' : 'dispatchers'} at work: ${each.join(', ')}`;
}
