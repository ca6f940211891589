// `postern suppression policy …`: what bounces lead to, for a tenant, a stream, both or all.
import { type Command, Option } from 'commander';
import { completePolicy, DEFAULT_POLICY, type Policy } from '../../bounce/index.ts';
import type { Stream } from '../mail/submission.ts';
import { formatDuration, parseDuration } from '../platform/duration.ts';
import {
  listSuppressionPolicies,
  type PolicyFigures,
  putSuppressionPolicy,
  removeSuppressionPolicy,
} from '../store/suppression-policies.ts';
import type { SuppressionScope } from '../store/suppressions.ts';
import { Failure, printJson, UsageError, withStore } from './context.ts';
import { printTable } from './table.ts';

type ScopeOptions = { tenant?: string; stream?: Stream };
type SetOptions = ScopeOptions & {
  hardFor?: string;
  strikes?: string;
  strikesWithin?: string;
  strikesFor?: string;
  json?: boolean;
};

const MINUTE_MS = 60_000;
/** Further bounces double a suppression up to two years, so a first one has no more. */
const LONGEST_MS = 730 * 86_400_000;
const MAX_STRIKES = 1_000;

export function registerSuppressionPolicy(suppression: Command): void {
  const policy = suppression.command('policy').description('what bounces lead to, by tenant and stream');
  const scoped = (command: Command) =>
    command
      .option('--tenant <id>', 'for mail of this tenant (default: of all)')
      .addOption(
        new Option('--stream <stream>', 'for mail of this stream (default: of both)').choices([
          'transactional',
          'bulk',
        ]),
      );
  scoped(policy.command('set'))
    .description('make a policy, or change what is named of it; holds for the next bounce')
    .option('--hard-for <duration>', 'a dead address is suppressed for so long; or never, or default')
    .option('--strikes <n>', 'so many failures of a mailbox in a row suppress it; or default')
    .option('--strikes-within <duration>', 'counted within this time; or default')
    .option('--strikes-for <duration>', 'suppressed for so long; or default')
    .option('--json', 'print JSON')
    .action(set);
  policy
    .command('list')
    .description('all policies; the first that fits a bounce holds')
    .option('--json', 'print JSON, one a line')
    .action(list);
  scoped(policy.command('remove'))
    .description('remove the policy of exactly this tenant and stream; suppressions stay as they are')
    .option('--json', 'print JSON')
    .action(remove);
}

async function set(options: SetOptions): Promise<void> {
  const figures = readFigures(options);
  if (Object.keys(figures).length === 0)
    throw new UsageError(
      'say what follows: --hard-for, --strikes, --strikes-within or --strikes-for, or several of them',
    );
  const made = await withStore(({ db }) =>
    putSuppressionPolicy(db, scopeOf(options), figures).catch(error => {
      throw error.code === '23503' ? new Failure(`there is no tenant ${options.tenant}`) : error;
    }),
  );
  if (options.json) printJson(made);
  else console.log(`Policy of ${describeScope(made)}: ${describePolicy(completePolicy(made))}.`);
}

const scopeOf = ({ tenant, stream }: ScopeOptions): SuppressionScope => ({
  tenantId: tenant ?? null,
  stream: stream ?? null,
});

/** Only what was named; `default` is null. */
function readFigures({ hardFor, strikes, strikesWithin, strikesFor }: SetOptions): Partial<PolicyFigures> {
  return {
    ...(hardFor !== undefined && { hardForMs: hardFor === 'never' ? hardFor : readTime('--hard-for', hardFor) }),
    ...(strikes !== undefined && { strikes: readStrikes(strikes) }),
    ...(strikesWithin !== undefined && { strikesWithinMs: readTime('--strikes-within', strikesWithin) }),
    ...(strikesFor !== undefined && { strikesForMs: readTime('--strikes-for', strikesFor) }),
  };
}

function readTime(option: string, text: string): number | null {
  if (text === 'default') return null;
  const ms = parseDuration(text);
  if (ms === null) throw new UsageError(`${option} ${text} is no duration (example: ${option} 30d)`);
  if (ms < MINUTE_MS || ms > LONGEST_MS) throw new UsageError(`${option} ${text}: from a minute to 730d`);
  return ms;
}

function readStrikes(text: string): number | null {
  if (text === 'default') return null;
  const strikes = Number(text);
  if (!/^\d+$/.test(text) || strikes < 1 || strikes > MAX_STRIKES)
    throw new UsageError(`--strikes ${text} is no whole number from 1 to ${MAX_STRIKES}`);
  return strikes;
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const policies = await withStore(({ db }) => listSuppressionPolicies(db));
  if (json) return policies.forEach(printJson);
  const rows = policies.map(policy => [describeScope(policy), ...cells(policy)]);
  const isForAll = policies.some(({ tenantId, stream }) => tenantId === null && stream === null);
  const rest = policies.length === 0 ? 'all mail' : 'all other mail';
  if (!isForAll) rows.push([rest, ...cells(NOTHING_SET)]);
  printTable(['OF', 'HARD BOUNCE', 'STRIKES', 'WITHIN', 'SUPPRESS FOR'], rows);
}

const NOTHING_SET: PolicyFigures = { hardForMs: null, strikes: null, strikesWithinMs: null, strikesForMs: null };

function describeScope({ tenantId, stream }: SuppressionScope): string {
  const parts = [tenantId === null ? '' : `tenant ${tenantId}`, stream === null ? '' : `stream ${stream}`];
  return parts.filter(Boolean).join(', ') || 'all mail';
}

/** A figure that nobody set says so: it may change with a version. */
function cells(set: PolicyFigures): string[] {
  const figure = (value: number | 'never' | null, byDefault: number | 'never', show: (n: number) => string) => {
    const shown = value ?? byDefault;
    return `${shown === 'never' ? shown : show(shown)}${value === null ? ' (default)' : ''}`;
  };
  return [
    figure(set.hardForMs, DEFAULT_POLICY.hardForMs, formatDuration),
    figure(set.strikes, DEFAULT_POLICY.strikes, String),
    figure(set.strikesWithinMs, DEFAULT_POLICY.strikesWithinMs, formatDuration),
    figure(set.strikesForMs, DEFAULT_POLICY.strikesForMs, formatDuration),
  ];
}

function describePolicy({ hardForMs, strikes, strikesWithinMs, strikesForMs }: Policy): string {
  const hard = hardForMs === 'never' ? 'never suppresses' : `suppresses for ${formatDuration(hardForMs)}`;
  const count =
    strikes === 1 ? 'a strike suppresses' : `${strikes} strikes within ${formatDuration(strikesWithinMs)} do`;
  return `a hard bounce ${hard}, ${count} for ${formatDuration(strikesForMs)}`;
}

async function remove(options: ScopeOptions & { json?: boolean }): Promise<void> {
  const scope = scopeOf(options);
  const removed = await withStore(({ db }) => removeSuppressionPolicy(db, scope));
  if (!removed) throw new Failure(`there is no policy of ${describeScope(scope)}`);
  if (options.json) printJson({ ...scope, removed: true });
  else console.log(`Removed the policy of ${describeScope(scope)}.`);
}
