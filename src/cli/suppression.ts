// `postern suppression …`: addresses that are not to be mailed.
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { parse } from 'csv-parse';
import { stringify } from 'csv-stringify';
import { parseMailbox } from '../mail/address.ts';
import type { Stream } from '../mail/submission.ts';
import { parseDuration } from '../platform/duration.ts';
import {
  importSuppressions,
  type ListedSuppression,
  type ListSuppressions,
  listSuppressions,
  type NewSuppression,
  removeSuppressions,
  SUPPRESSION_REASONS,
  type SuppressionReason,
} from '../store/suppressions.ts';
import { Failure, formatSecond, printJson, type Store, UsageError, withStore } from './context.ts';
import { firstPage, readLimit } from './page.ts';
import { registerSuppressionPolicy } from './suppression-policy.ts';
import { printTable } from './table.ts';

type ScopeOptions = { tenant?: string; stream?: Stream };
type AddOptions = ScopeOptions & {
  reason: SuppressionReason;
  evidence?: string;
  for?: string;
  expires?: string;
  json?: boolean;
};
type ListOptions = { address?: string; reason?: SuppressionReason; limit: string; after?: string; json?: boolean };

const PAGE = 5_000;

export function registerSuppression(program: Command): void {
  const suppression = program.command('suppression').description('addresses that are not to be mailed');
  const scoped = (command: Command) =>
    command
      .option('--tenant <id>', 'only for this tenant (default: for all)')
      .addOption(
        new Option('--stream <stream>', 'only for this stream of the tenant').choices(['transactional', 'bulk']),
      );
  const reason = () => new Option('--reason <reason>', 'why').choices(SUPPRESSION_REASONS);
  scoped(suppression.command('add <address...>'))
    .description('suppress addresses; holds for the next message')
    .addOption(reason().default('manual'))
    .option('--evidence <text>', 'what it rests on')
    .option('--for <duration>', 'how long, such as 90d (default: until it is lifted)')
    .option('--expires <time>', 'until then, such as 2027-02-01 or 2027-02-01T12:00')
    .option('--json', 'print JSON')
    .action(add);
  scoped(suppression.command('remove <address...>'))
    .description('lift suppressions; without --tenant those of every scope')
    .option('--json', 'print JSON')
    .action(remove);
  suppression
    .command('list')
    .description('suppressed addresses')
    .option('--address <address>', '* stands for anything: *@example.com')
    .addOption(reason())
    .option('--limit <n>', 'how many', '50')
    .option('--after <id>', 'behind this one: the next page')
    .option('--json', 'print JSON, one a line')
    .action(list);
  scoped(suppression.command('import <file>'))
    .description('CSV with a column `address`, or one address a line; - reads standard input')
    .addOption(reason().default('manual'))
    .option('--json', 'print JSON')
    .action(importFile);
  suppression.command('export').description('everything as CSV, to standard output').action(exportAll);
  registerSuppressionPolicy(suppression);
}

function scopeOf({ tenant, stream }: ScopeOptions): { tenantId: string | null; stream: Stream | null } {
  if (stream && !tenant) throw new UsageError('--stream needs --tenant');
  return { tenantId: tenant ?? null, stream: stream ?? null };
}

function checkAddress(text: string): string | null {
  return typeof parseMailbox(text, { smtpUtf8: true }) === 'string'
    ? null
    : `${JSON.stringify(text)} is not an address`;
}

async function add(addresses: string[], options: AddOptions): Promise<void> {
  const wrong = addresses.map(checkAddress).find(problem => problem !== null);
  if (wrong) throw new UsageError(wrong);
  const expiresAt = readExpiry(options, Date.now());
  const { reason, evidence = null } = options;
  const rows = addresses.map(address => ({ address, ...scopeOf(options), reason, evidence, expiresAt }));
  await withStore(({ pool }) => putKnown(pool, rows));
  if (options.json) printJson({ suppressed: addresses });
  else console.log(`Suppressed ${addresses.join(', ')}.`);
}

function readExpiry({ for: duration, expires }: AddOptions, now: number): Date | null {
  if (duration !== undefined && expires !== undefined) throw new UsageError('--for or --expires, not both');
  if (expires !== undefined) {
    const time = new Date(expires);
    if (Number.isNaN(time.getTime())) throw new UsageError(`--expires ${expires} is no time (example: 2027-02-01)`);
    if (time.getTime() <= now) throw new UsageError(`--expires ${expires} is past`);
    return time;
  }
  if (duration === undefined) return null;
  const forMs = parseDuration(duration);
  if (forMs === null) throw new UsageError(`--for ${duration} is no duration (example: 90d)`);
  return new Date(now + forMs);
}

async function putKnown(pool: Store['pool'], rows: readonly NewSuppression[]): Promise<void> {
  await importSuppressions(pool, rows).catch(error => {
    throw error.code === '23503' ? new Failure(`there is no tenant ${rows[0]?.tenantId}`) : error;
  });
}

async function remove(addresses: string[], options: ScopeOptions & { json?: boolean }): Promise<void> {
  const scope = options.tenant === undefined && options.stream === undefined ? null : scopeOf(options);
  const removed = await withStore(async ({ db }) => {
    let count = 0;
    for (const address of addresses) count += await removeSuppressions(db, address, scope);
    return count;
  });
  if (removed === 0) throw new Failure('none of them is suppressed');
  if (options.json) printJson({ removed });
  else console.log(`Lifted ${removed} ${removed === 1 ? 'suppression' : 'suppressions'}.`);
}

async function list(options: ListOptions): Promise<void> {
  const limit = readLimit(options.limit, 100_000);
  const after = options.after === undefined ? undefined : Number(options.after);
  if (after !== undefined && !Number.isInteger(after))
    throw new UsageError('--after is the id that the last page ended with');
  const filter: ListSuppressions = { address: options.address, reason: options.reason, limit: limit + 1, after };
  const found = await withStore(({ db }) => listSuppressions(db, filter));
  const { page, hasMore } = firstPage(found, limit);
  if (options.json) return page.forEach(printJson);
  if (page.length === 0)
    return console.log(options.address || options.reason ? 'Nothing found.' : 'Nothing is suppressed.');
  printTable(['ADDRESS', 'REASON', 'FOR', 'SINCE', 'UNTIL', 'TIMES', 'EVIDENCE'], page.map(row));
  if (hasMore) console.log(`\nThere is more: --after ${page.at(-1)!.suppressionId}`);
}

function row(suppression: ListedSuppression): string[] {
  const { address, reason, tenantId, stream, createdAt, times, evidence } = suppression;
  const scope = tenantId === null ? 'all' : [tenantId, stream].filter(Boolean).join(' ');
  return [address, reason, scope, formatSecond(createdAt), describeEnd(suppression), String(times), evidence ?? ''];
}

function describeEnd({ expiresAt, probation }: ListedSuppression): string {
  if (probation === 'due') return 'the next message tries it out';
  if (expiresAt === null) return 'until lifted';
  return `${formatSecond(expiresAt)}${probation === 'out' ? ', a probe is out' : ''}`;
}

// ── CSV ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const COLUMNS = [
  'address',
  'tenant',
  'stream',
  'reason',
  'evidence',
  'created_at',
  'expires_at',
  'times',
  'probation',
] as const;

async function importFile(
  file: string,
  options: ScopeOptions & { reason: SuppressionReason; json?: boolean },
): Promise<void> {
  const counts = await withStore(async ({ pool }) => {
    const input = file === '-' ? process.stdin : createReadStream(file);
    const tally = { imported: 0, refused: 0 };
    await pipeline(
      input,
      parse({ bom: true, relaxColumnCount: true, skipEmptyLines: true, trim: true, info: true }),
      rows => importRows(pool, rows as AsyncIterable<ParsedRow>, options, tally),
    );
    return tally;
  });
  if (options.json) printJson(counts);
  else
    console.log(`Imported ${counts.imported} addresses${counts.refused ? `, refused ${counts.refused} lines` : ''}.`);
  if (counts.refused > 0) process.exitCode = 1;
}

type ParsedRow = { readonly info: { readonly lines: number }; readonly record: readonly string[] };
type Tally = { imported: number; refused: number };

async function importRows(
  pool: Store['pool'],
  rows: AsyncIterable<ParsedRow>,
  options: ScopeOptions & { reason: SuppressionReason },
  tally: Tally,
): Promise<void> {
  let columns: readonly string[] = ['address'];
  let page: NewSuppression[] = [];
  let isFirst = true;
  const flush = async () => {
    await putKnown(pool, page);
    tally.imported += page.length;
    page = [];
  };
  for await (const { record, info } of rows) {
    const header = isFirst ? headerOf(record) : null;
    isFirst = false;
    if (header) {
      columns = header;
      continue;
    }
    const suppression = readRow(columns, record, options);
    if (typeof suppression === 'string') {
      tally.refused += 1;
      console.error(`line ${info.lines}: ${suppression}`);
    } else page.push(suppression);
    if (page.length === PAGE) await flush();
  }
  if (page.length > 0) await flush();
}

/** The column names, when the line holds names and not an address. */
function headerOf(record: readonly string[]): string[] | null {
  const names = record.map(cell => cell.toLowerCase()).map(name => (name === 'email' ? 'address' : name));
  return names.includes('address') ? names : null;
}

/** The row's own columns beat what the command line says for all. */
function readRow(
  columns: readonly string[],
  record: readonly string[],
  options: ScopeOptions & { reason: SuppressionReason },
) {
  const cell = (name: (typeof COLUMNS)[number]) => uncover(record[columns.indexOf(name)] ?? '');
  const address = cell('address');
  const problem = checkAddress(address);
  if (problem) return problem;
  const { tenantId, stream } = scopeOf(options);
  const reason = cell('reason') || options.reason;
  if (!(SUPPRESSION_REASONS as readonly string[]).includes(reason))
    return `${reason} is none of ${SUPPRESSION_REASONS.join(', ')}`;
  const expiresAt = cell('expires_at') ? new Date(cell('expires_at')) : null;
  if (expiresAt && Number.isNaN(expiresAt.getTime())) return `${cell('expires_at')} is not a time`;
  const ownStream = cell('stream');
  if (ownStream && ownStream !== 'transactional' && ownStream !== 'bulk') return `${ownStream} is not a stream`;
  const times = Number(cell('times') || 1);
  if (!Number.isInteger(times) || times < 1 || times > 1_000) return `${cell('times')} is not a number of times`;
  const row: NewSuppression = {
    ...{ address, times },
    tenantId: cell('tenant') || tenantId,
    stream: (ownStream || stream) as Stream | null,
    reason: reason as SuppressionReason,
    evidence: cell('evidence') || null,
    expiresAt,
  };
  return row.stream && !row.tenantId ? 'a stream without a tenant' : row;
}

async function exportAll(): Promise<void> {
  await withStore(({ db }) =>
    pipeline(readAll(db), stringify({ header: true, columns: [...COLUMNS] }), process.stdout, { end: false }),
  );
}

async function* readAll(db: Store['db']): AsyncGenerator<string[]> {
  for (let after = 0; ; ) {
    const page = await listSuppressions(db, { limit: PAGE, after });
    for (const suppression of page) yield cellsOf(suppression).map(cell => cover(cell ?? ''));
    if (page.length < PAGE) return;
    after = page.at(-1)!.suppressionId;
  }
}

/** In the order of COLUMNS. */
function cellsOf(suppression: ListedSuppression): (string | null | undefined)[] {
  const { address, tenantId, stream, reason, evidence, createdAt, expiresAt, times, probation } = suppression;
  const until = expiresAt?.toISOString();
  return [address, tenantId, stream, reason, evidence, createdAt.toISOString(), until, String(times), probation];
}

/** Spreadsheets run cells that begin like this. */
function cover(cell: string): string {
  return /^[=+\-@]/.test(cell) ? `'${cell}` : cell;
}

function uncover(cell: string): string {
  return /^'[=+\-@]/.test(cell) ? cell.slice(1) : cell;
}
