// `postern bounce list|show|ingest|waiting|apply|discard|mailboxes`: reports that came in, and what was done because of
// them.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { createBounces, type Ingested } from '../../bounce/index.ts';
import { addressKey } from '../mail/address.ts';
import { systemClock } from '../platform/clock.ts';
import { isId } from '../platform/id.ts';
import type { Logger } from '../platform/log.ts';
import { createMetrics } from '../platform/metrics.ts';
import { loadReturnPathKeys } from '../platform/return-path-key.ts';
import type { Settings } from '../platform/settings.ts';
import { listMailboxes } from '../store/mailboxes.ts';
import { decideWaiting, type ListedReport, listReports, listWaiting, readReport } from '../store/report-archive.ts';
import { Failure, formatTime, printJson, type Store, UsageError, withStore } from './context.ts';
import { expand, type MailFile, splitMbox } from './mail-files.ts';
import { firstPage, readLimit } from './page.ts';
import { printTable } from './table.ts';

type ListOptions = {
  to?: string;
  reason?: string;
  decision?: string;
  delivered?: boolean;
  limit: string;
  before?: string;
  json?: boolean;
};
type Json = { json?: boolean };

export function registerReports(bounce: Command): void {
  bounce
    .command('list')
    .description('reports that came in, newest first, and what was done')
    .option('--to <address>', 'about this recipient; * stands for anything')
    .option('--reason <reason>', 'no_mailbox, mailbox_full, spam, complaint, …')
    .option('--decision <decision>', 'suppressed, waiting, strike, nothing or repeated')
    .option('--delivered', 'also deliveries that providers report')
    .option('--limit <n>', 'how many', '20')
    .option('--before <id>', 'older than this report: the next page')
    .option('--json', 'print JSON, one recipient a line')
    .action(list);
  bounce
    .command('show <id>')
    .description('one report: what it says, which message it is about, what was done and why')
    .option('--raw', 'its bytes, as they came')
    .option('--json', 'print JSON')
    .action(show);
  bounce
    .command('ingest <file...>')
    .description('take reports from files, directories, mboxes or - as if they had come to a mailbox')
    .option('--json', 'print JSON, one message a line')
    .action(ingest);
  bounce
    .command('waiting')
    .description('suppressions beyond the limit of an hour, which wait for you')
    .option('--limit <n>', 'how many', '50')
    .option('--json', 'print JSON, one a line')
    .action(waiting);
  bounce
    .command('apply [address]')
    .description('suppress what waits: this address, or all of it with --all')
    .option('--all', 'whatever waits')
    .option('--json', 'print JSON')
    .action((address: string | undefined, options: Json & { all?: boolean }) => decide('suppressed', address, options));
  bounce
    .command('discard [address]')
    .description('suppress none of what waits: this address, or all of it with --all')
    .option('--all', 'whatever waits')
    .option('--json', 'print JSON')
    .action((address: string | undefined, options: Json & { all?: boolean }) => decide('discarded', address, options));
  bounce
    .command('mailboxes')
    .description('the bounce mailboxes: how far each has been read, and what is wrong')
    .option('--json', 'print JSON, one a line')
    .action(mailboxes);
}

function asId(text: string): string {
  const id = text.toUpperCase();
  if (!isId(id)) throw new UsageError(`${text} is not the id of a report (example: 01KAR2Z4X0FQ3ZC4M8Y5T6V7W8)`);
  return id;
}

async function list(options: ListOptions): Promise<void> {
  const limit = readLimit(options.limit, 10_000);
  const { to, reason, decision, delivered = false, before } = options;
  const recipient =
    to &&
    addressKey(to)
      .replace(/[\\%_]/g, '\\$&')
      .replaceAll('*', '%');
  const found = await withStore(({ db }) =>
    listReports(db, { recipient, reason, decision, delivered, limit: limit + 1, before: before && asId(before) }),
  );
  const { page, hasMore } = firstPage(found, limit);
  if (options.json) return page.forEach(printJson);
  if (page.length === 0) return console.log('No reports.');
  printTable(['REPORT', 'RECORDED', 'RECIPIENT', 'REASON', 'MESSAGE', 'PROVEN', 'DONE'], page.map(row));
  if (hasMore) console.log(`\nThere is more: --before ${page.at(-1)!.reportId}`);
}

function row({
  reportId,
  recordedAt,
  recipient,
  reason,
  verdict,
  messageId,
  isProven,
  ...done
}: ListedReport): string[] {
  return [
    reportId,
    formatTime(recordedAt),
    printable(recipient ?? '-'),
    verdict === 'hard' ? `${reason}, hard` : reason,
    messageId ?? '-',
    isProven ? 'yes' : 'no',
    `${done.decision} (${done.decidedBy})`,
  ];
}

async function show(id: string, { raw, json }: Json & { raw?: boolean }): Promise<void> {
  const found = await withStore(({ db }) => readReport(db, asId(id)));
  if (!found) throw new Failure(`there is no report ${id}`);
  const { report, recipients, sources } = found;
  if (raw) {
    process.stdout.write(report.bytes);
    return;
  }
  const { bytes, digest, ...facts } = report;
  if (json) return printJson({ ...facts, sources, recipients });
  const lines = [
    `Report      ${report.report_id}`,
    `Recorded    ${formatTime(report.recorded_at)} from ${sources.map(({ source }) => source).join(', ')}`,
    `Kind        ${report.kind}, read as ${report.format}`,
    // An event has neither.
    ...(report.kind === 'event' ? [] : [`From        ${printable(report.from_address ?? '-')}`]),
    ...(report.kind === 'event' ? [] : [`Subject     ${printable(report.subject ?? '-')}`]),
    `Size        ${report.size} bytes`,
  ];
  for (const one of recipients) lines.push('', ...describe(one));
  console.log(lines.join('\n'));
}

type ShownRecipient = NonNullable<Awaited<ReturnType<typeof readReport>>>['recipients'][number];

function describe(one: ShownRecipient): string[] {
  const codes = [one.reply_code, one.status].filter(code => code !== null).join(' ');
  const forwarded =
    one.final_recipient && one.final_recipient !== one.recipient ? `, at last ${one.final_recipient}` : '';
  return [
    printable(
      `${one.recipient ?? '(nobody named)'}${forwarded}: ${one.action}, ${one.reason}${codes ? ` (${codes})` : ''}`,
    ),
    `  verdict     ${one.verdict}, by rule ${one.rule}, confidence ${Math.round(one.confidence * 100)} %`,
    `  said        ${printable(one.diagnostic || '-')}`,
    `  message     ${one.message_id ?? 'none'}`,
    `  tied by     ${printable(one.correlation)}${one.is_proven ? ' (proven)' : ''}`,
    `  done        ${one.decision}: ${one.decided_by}`,
  ];
}

async function ingest(files: string[], { json }: Json): Promise<void> {
  const failed = await withStore(async (store, settings, log) => {
    const { ingestReport } = await openBounces(store, settings, log);
    let failures = 0;
    for (const file of files.flatMap(expand)) {
      try {
        for (const { name, bytes } of splitMbox(file.name, readFileSync(file.path === '-' ? 0 : file.path))) {
          const key = createHash('sha256').update(bytes).digest('hex');
          const source = `file:${basename(file.path)}`;
          tellIngested(name, await ingestReport(bytes, { source, key, toBeFiled: false }), json ?? false);
        }
      } catch (error) {
        failures += 1;
        console.error(`postern: ${file.name}: ${(error as Error).message}`);
      }
    }
    return failures;
  });
  if (failed > 0) process.exitCode = 1;
}

/** The same way in as the pollers', without what keeps running. */
async function openBounces({ pool }: Store, settings: Settings, log: Logger) {
  const returnPathKeys = await loadReturnPathKeys(settings.POSTERN_DATA_DIR, settings.POSTERN_SECRET_KEY);
  const metrics = createMetrics(async () => 0);
  const certificate = () => Promise.reject(new Error('no door is opened here'));
  return createBounces({
    ...{ pool, settings, returnPathKeys, clock: systemClock, log, metrics, certificate },
    hostname: 'localhost',
  });
}

function tellIngested(name: MailFile['name'], ingested: Ingested, json: boolean): void {
  if (json) return printJson({ file: name, ...ingested });
  if (ingested.kind === 'not-a-report') return console.log(`${name}: ordinary mail, not recorded`);
  if (ingested.kind === 'known') return console.log(`${name}: known as ${ingested.reportId}`);
  console.log(`${name}: recorded as ${ingested.reportId}`);
  for (const { recipient, reason, correlation, decision, decidedBy } of ingested.recipients)
    console.log(printable(`  ${recipient ?? '-'}: ${reason}; ${correlation}; ${decision} (${decidedBy})`));
}

async function waiting({ limit, json }: Json & { limit: string }): Promise<void> {
  const found = await withStore(({ pool }) => listWaiting(pool, readLimit(limit, 10_000)));
  if (json) return found.forEach(printJson);
  if (found.length === 0) return console.log('Nothing waits.');
  printTable(
    ['SINCE', 'RECIPIENT', 'AS', 'RULE', 'EVIDENCE'],
    found.map(one => [formatTime(one.at), one.recipient, one.suppression, one.decidedBy, printable(one.evidence)]),
  );
  console.log('\n`postern bounce apply ADDRESS` or `--all` suppresses them, `postern bounce discard` does not.');
}

async function decide(
  decision: 'suppressed' | 'discarded',
  address: string | undefined,
  { all, json }: Json & { all?: boolean },
): Promise<void> {
  if ((address === undefined) === (all !== true)) throw new UsageError('name an address, or say --all');
  const key = address === undefined ? null : addressKey(address);
  const count = await withStore(({ pool }) => decideWaiting(pool, decision, key));
  if (count === 0) throw new Failure('nothing of that waits');
  if (json) printJson({ [decision]: count });
  else console.log(`${decision === 'suppressed' ? 'Suppressed' : 'Discarded'} ${count}.`);
}

async function mailboxes({ json }: Json): Promise<void> {
  const { found, named } = await withStore(async ({ pool }, settings) => ({
    found: await listMailboxes(pool),
    named: (settings.POSTERN_BOUNCE_MAILBOXES ?? []).map(({ name }) => name),
  }));
  const unread = named.filter(name => !found.some(({ mailbox }) => mailbox === name));
  if (json) return [...found, ...unread.map(mailbox => ({ mailbox }))].forEach(printJson);
  if (found.length + unread.length === 0)
    return console.log('No bounce mailboxes (POSTERN_BOUNCE_MAILBOXES names some).');
  printTable(
    ['MAILBOX', 'READ', 'UP TO', 'STATE'],
    [
      ...found.map(one => [
        one.mailbox,
        formatTime(one.lookedAt),
        `${one.lastUid} of ${one.uidValidity}`,
        one.trouble ? `since ${formatTime(one.troubleAt!)}: ${printable(one.trouble)}` : stateOf(one.mailbox, named),
      ]),
      ...unread.map(name => [name, '-', '-', 'not read yet']),
    ],
  );
}

function stateOf(mailbox: string, named: readonly string[]): string {
  return named.includes(mailbox) ? 'well' : 'not in POSTERN_BOUNCE_MAILBOXES any more';
}

/** What strangers wrote must not drive the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '·');
}
