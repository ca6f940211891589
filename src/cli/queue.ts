// `postern queue status`: what waits, and why.
import type { Command } from 'commander';
import { readFallbacks } from '../store/fallbacks.ts';
import { queueSummary } from '../store/queue-summary.ts';
import { formatTime, printJson, withStore } from './context.ts';
import { printTable } from './table.ts';
import { describeFallback } from './upstream-state.ts';

export function registerQueue(program: Command): void {
  const queue = program.command('queue').description('what waits to be sent');
  queue
    .command('status')
    .description('how much waits, since when, and why')
    .option('--json', 'print JSON')
    .action(status);
}

async function status({ json }: { json?: boolean }): Promise<void> {
  const { summary, fallbacks } = await withStore(async ({ pool }) => ({
    summary: await queueSummary(pool),
    fallbacks: await readFallbacks(pool),
  }));
  if (json) return printJson({ ...summary, fallbacks });
  console.log(
    `${summary.queued} queued: ${summary.due} due, ${summary.leased} being tried, ${summary.parked} waiting for an upstream` +
      (summary.oldestAcceptedAt ? `; the oldest since ${formatTime(summary.oldestAcceptedAt)}` : ''),
  );
  if (summary.held > 0)
    console.log(
      `${summary.held} held: \`npx postern message find --state held\` shows them, \`message release\` sends them`,
    );
  for (const fallback of fallbacks) console.log(describeFallback(fallback));
  if (summary.reasons.length > 0) {
    console.log('');
    printTable(
      ['COUNT', 'NEXT', 'REASON'],
      summary.reasons.map(reason => [String(reason.count), formatTime(reason.nextAt), reason.reason]),
    );
  }
}
