/**
 * Reports per second through parse and classify, one core, over the bounce corpus (the shared one if it is there, else
 * the project's own). Files are read beforehand: a mailbox hands over bytes, not names.
 *
 *   node bench/bounces.ts [seconds]
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { classifyBounce, parseReport } from '../bounce/index.ts';

const shared = fileURLToPath(new URL('../../shared/corpus/bounces/files', import.meta.url));
const own = fileURLToPath(new URL('../test/corpus/bounces/files', import.meta.url));

const corpus = existsSync(shared) ? shared : own;
const messages = readdirSync(corpus, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.eml'))
  .map(name => readFileSync(join(corpus, name)));

const seconds = Number(process.argv[2] ?? 5);
pass();
pass();
const started = performance.now();
let reports = 0;
let recipients = 0;
while (performance.now() - started < seconds * 1000) {
  recipients += pass();
  reports += messages.length;
}
const elapsed = (performance.now() - started) / 1000;
const bytes = messages.reduce((sum, one) => sum + one.length, 0);
console.log(
  JSON.stringify({
    bench: 'bounces',
    corpus: messages.length,
    averageBytes: Math.round(bytes / messages.length),
    recipients,
    reportsPerSecond: Math.round(reports / elapsed),
    millisecondsPerReport: Number(((elapsed * 1000) / reports).toFixed(3)),
  }),
);

/** Returns the number of recipients judged, so that nothing can be optimised away. */
function pass(): number {
  let judged = 0;
  for (const bytes of messages)
    for (const one of parseReport(bytes).recipients) judged += classifyBounce(one).kind === 'none' ? 0 : 1;
  return judged;
}
