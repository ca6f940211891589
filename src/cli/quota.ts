// `postern quota …`: how much of whose mail may go out in a time, or at once.
import { type Command, Option } from 'commander';
import type { Kysely } from 'kysely';
import { foldDomain, isDomain } from '../mail/address.ts';
import { describeLimit, describeQuota, describeScope, WINDOWS_MS } from '../mail/quota.ts';
import type { Stream } from '../mail/submission.ts';
import { parseDuration } from '../platform/duration.ts';
import { findCredential } from '../store/credentials.ts';
import {
  type AnyQuota,
  listQuotasWithUsage,
  type NewQuota,
  putQuota,
  type QuotaWithUsage,
  removeQuota,
} from '../store/quotas.ts';
import type { Database } from '../store/schema.ts';
import { Failure, formatSecond, printJson, UsageError, withStore } from './context.ts';
import { printTable } from './table.ts';

type SetOptions = {
  credential?: string;
  tenant?: string;
  stream?: Stream;
  recipientDomain?: string;
  messages?: string;
  recipients?: string;
  atOnce?: string;
  per?: string;
  json?: boolean;
};

const MAX_LIMIT = 1_000_000_000;
const BAR_CELLS = 10;

export function registerQuota(program: Command): void {
  const quota = program.command('quota').description('how much of whose mail may go out in a time, or at once');
  quota
    .command('set')
    .description('make a quota, or change its limit; scopes can be combined; holds within seconds')
    .option('--credential <name>', 'mail of this credential')
    .option('--tenant <id>', 'mail of this tenant, of all its credentials together')
    .addOption(new Option('--stream <stream>', 'mail of this stream').choices(['transactional', 'bulk']))
    .option('--recipient-domain <domain>', 'mail to this domain (its subdomains are others)')
    .option('--messages <n>', 'so many messages, however many recipients they have')
    .option('--recipients <n>', 'so many recipients')
    .option('--at-once <n>', 'so many messages under way at the same time; what is beyond that waits')
    .option('--per <window>', `${Object.keys(WINDOWS_MS).join(', ')}, or a duration such as 15m`)
    .option('--json', 'print JSON')
    .action(set);
  quota
    .command('list')
    .description('all quotas, and how they stand')
    .option('--json', 'print JSON, one a line')
    .action(list);
  quota
    .command('remove <id>')
    .description('remove a quota; mail that has its turn already keeps it')
    .option('--json', 'print JSON')
    .action(remove);
}

async function set(options: SetOptions): Promise<void> {
  const amount = readAmount(options);
  const made = await withStore(async ({ db }) => {
    const scope = await readScope(db, options);
    const quotaId = await putQuota(db, { ...scope, ...amount }).catch(error => {
      throw error.code === '23503' ? new Failure(`there is no tenant ${options.tenant}`) : error;
    });
    return (await listQuotasWithUsage(db)).find(quota => quota.quotaId === quotaId);
  });
  if (!made) throw new Failure('the quota was removed by somebody else at once');
  if (options.json) printJson(shown(made));
  else console.log(`Quota ${made.quotaId}: ${describeQuota(made)}.`);
}

function readAmount({
  messages,
  recipients,
  atOnce,
  per,
}: SetOptions): Pick<NewQuota, 'counts' | 'limit' | 'windowMs'> {
  const given = Object.entries({ messages, recipients, 'at-once': atOnce }).filter(([, text]) => text !== undefined);
  if (given.length !== 1)
    throw new UsageError(
      'say how much: --messages, --recipients or --at-once, one of them (example: --messages 5 --per minute)',
    );
  const [name, text] = given[0]! as ['messages' | 'recipients' | 'at-once', string];
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > MAX_LIMIT)
    throw new UsageError(`--${name} ${text} is no whole number from 1 to ${MAX_LIMIT}`);
  if (name === 'at-once') {
    if (per !== undefined) throw new UsageError('--at-once is at any time: without --per');
    return { counts: 'messages', limit, windowMs: null };
  }
  if (per === undefined) throw new UsageError(`say in which time: --per (example: --${name} ${text} --per minute)`);
  return { counts: name, limit, windowMs: readWindow(per) };
}

function readWindow(text: string): number {
  const named = Object.hasOwn(WINDOWS_MS, text) ? WINDOWS_MS[text as keyof typeof WINDOWS_MS] : null;
  const windowMs = named ?? parseDuration(text);
  if (windowMs === null)
    throw new UsageError(`--per ${text} is none of ${Object.keys(WINDOWS_MS).join(', ')}, and no duration such as 15m`);
  if (windowMs < WINDOWS_MS.second || windowMs > WINDOWS_MS.month)
    throw new UsageError(`--per ${text}: a window has between a second and 31 days`);
  return windowMs;
}

async function readScope(db: Kysely<Database>, { credential: name, tenant, stream, recipientDomain }: SetOptions) {
  if (name === undefined && tenant === undefined && stream === undefined && recipientDomain === undefined)
    throw new UsageError('say whose mail: --credential, --tenant, --stream or --recipient-domain, or several of them');
  if (recipientDomain !== undefined && !isDomain(recipientDomain))
    throw new UsageError(`${recipientDomain} is no domain (example: --recipient-domain example.com)`);
  const credential = name === undefined ? null : await findCredential(db, name);
  if (name !== undefined && !credential) throw new Failure(`there is no credential ${name}`);
  if (credential && tenant !== undefined && credential.tenantId !== tenant)
    throw new Failure(`credential ${name} is of tenant ${credential.tenantId}: this quota would never apply`);
  return {
    credentialId: credential?.credentialId ?? null,
    tenantId: tenant ?? null,
    stream: stream ?? null,
    recipientDomain: recipientDomain === undefined ? null : foldDomain(recipientDomain),
  };
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const quotas = await withStore(({ db }) => listQuotasWithUsage(db));
  if (json) return quotas.map(shown).forEach(printJson);
  if (quotas.length === 0)
    return console.log('No quotas: mail goes out as it comes (`npx postern quota set --help` has examples).');
  printTable(['ID', 'LIMIT', 'OF', 'USED NOW', 'WAITING'], quotas.map(row));
}

/** Ids of credentials mean nothing to others. */
function shown<Q extends AnyQuota>({ credentialId: _, ...rest }: Q) {
  return { ...rest, quota: describeQuota(rest) };
}

function row(quota: QuotaWithUsage): string[] {
  const { quotaId, used, limit, waiting, waitingUntil } = quota;
  const until = waitingUntil ? `, the last one until ${formatSecond(waitingUntil)}` : '';
  return [
    `${quotaId}`,
    describeLimit(quota),
    describeScope(quota),
    used === null ? '-' : `${bar(used / limit)} ${used} (${Math.round((100 * used) / limit)} %)`,
    waiting > 0 ? `${waiting}${until}` : '-',
  ];
}

/** Anything used shows, and only all of it is full. */
function bar(share: number): string {
  const full = share >= 1 ? BAR_CELLS : Math.min(BAR_CELLS - 1, Math.ceil(share * BAR_CELLS));
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}

async function remove(id: string, { json }: { json?: boolean }): Promise<void> {
  const quotaId = Number(id);
  if (!/^\d{1,15}$/.test(id)) throw new UsageError(`${id} is no id of a quota (\`npx postern quota list\` shows them)`);
  const removed = await withStore(({ db }) => removeQuota(db, quotaId));
  if (!removed) throw new Failure(`there is no quota ${quotaId}`);
  if (json) printJson({ quotaId, removed: true });
  else console.log(`Removed quota ${quotaId}: ${describeQuota(removed)}.`);
}
