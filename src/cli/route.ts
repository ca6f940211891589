// `postern route …`: which mail takes which upstreams. Rules set here are asked before those of the settings.
import type { Command } from 'commander';
import type { ZodType } from 'zod';
import { readRulebook, removeRule, ruleOf, setRule } from '../../relay/index.ts';
import { domainOf } from '../mail/address.ts';
import type { Stream } from '../mail/submission.ts';
import type { Pool } from '../platform/postgres.ts';
import { formatGroups, formatWhen, routeRule, type When, writtenGroups, writtenWhen } from '../platform/route-rules.ts';
import type { Settings } from '../platform/settings.ts';
import { Failure, printJson, UsageError, withStore } from './context.ts';
import { warnOfOtherSettings } from './goes-by.ts';
import { printTable } from './table.ts';

type Scope = {
  tenant?: string[];
  credential?: string[];
  stream?: Stream[];
  senderDomain?: string[];
  recipientDomain?: string[];
  tag?: string[];
};
type SetOptions = Scope & { everything?: true; to: string; before?: string; json?: boolean };
type TestOptions = {
  credential?: string | null;
  stream: Stream;
  from: string;
  to: string;
  tag?: string[];
  json?: boolean;
};

export function registerRoute(program: Command): void {
  const route = program.command('route').description('which mail takes which upstreams');
  withScope(route.command('set <name>'))
    .description('make a rule, or change it; holds within seconds. Which mail it is for stays, unless it is said anew')
    .option('--everything', 'all mail')
    .requiredOption('--to <upstreams>', 'ses*3 + mailgun, postmark: groups in order, shares within a group')
    .option('--before <name>', 'put it before this rule; the first that fits holds')
    .option('--json', 'print JSON')
    .action(set);
  route
    .command('list')
    .description('all rules, in the order in which they are asked')
    .option('--json', 'print JSON, one a line')
    .action(list);
  route.command('remove <name>').description('remove a rule').option('--json', 'print JSON').action(remove);
  route
    .command('test')
    .description('which rule holds for such a message')
    .requiredOption('--from <address>', 'sender')
    .requiredOption('--to <address>', 'recipient')
    .option('--credential <name>', 'credential that hands it in')
    .option('--stream <stream>', 'transactional or bulk', 'transactional')
    .option('--tag <tag...>', 'its tags')
    .option('--json', 'print JSON')
    .action(test);
}

function withScope(command: Command): Command {
  return command
    .option('--tenant <id...>', 'mail of these tenants')
    .option('--credential <name...>', 'mail of these credentials')
    .option('--stream <stream...>', 'transactional or bulk')
    .option('--sender-domain <domain...>', 'mail from these domains; *.example.com is each below it')
    .option('--recipient-domain <domain...>', 'mail to these domains')
    .option('--tag <tag...>', 'mail with one of these tags');
}

async function set(name: string, options: SetOptions): Promise<void> {
  const { to, before = null, json } = options;
  const said = read(routeRule, { name, when: saidWhen(options), to });
  const { rule, outcome } = await withStore(async ({ pool }, settings) => {
    const rule = isSaid(options) ? said : { ...said, when: await whenOf(name, pool, settings) };
    return { rule, outcome: await setRule(pool, settings, { rule, before }) };
  });
  if (outcome.kind === 'refused') throw new Failure(outcome.problem);
  if (json) return printJson({ name, when: writtenWhen(rule.when), to: writtenGroups(rule.to) });
  console.log(`Route ${name}: ${formatWhen(rule.when)} takes ${formatGroups(rule.to)}.`);
}

function isSaid(options: SetOptions): boolean {
  const which = Object.keys(saidWhen(options));
  if (options.everything && which.length > 0) throw new UsageError(`--everything is without --${which[0]}`);
  return options.everything === true || which.length > 0;
}

/** As the rule has it that is changed, wherever it was set. */
async function whenOf(name: string, pool: Pool, settings: Settings): Promise<When> {
  const { rules } = await readRulebook(pool, settings);
  const known = rules.find(rule => rule.name === name && rule.source !== 'last resort');
  if (!known)
    throw new Failure(`say which mail ${name} is for: --stream, --tag, --recipient-domain …, or --everything`);
  return known.when;
}

function saidWhen({ tenant, credential, stream, senderDomain, recipientDomain, tag }: Scope): object {
  return Object.fromEntries(
    Object.entries({
      ...{ tenant, credential, stream, tag, 'sender-domain': senderDomain, 'recipient-domain': recipientDomain },
    }).filter(([, values]) => values !== undefined),
  );
}

function read<T>(schema: ZodType<T, unknown>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const words = parsed.error.issues.map(
    ({ path, message }) => `${path.filter(key => typeof key === 'string').join(' ')} ${message}`,
  );
  throw new UsageError(`${words.join('; ')} (\`npx postern route set --help\` has examples)`);
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const { rules, problems } = await withStore(async ({ pool }, settings) => {
    await warnOfOtherSettings(pool, settings);
    return readRulebook(pool, settings);
  });
  if (json) {
    for (const { name, when, to, source } of rules)
      printJson({ name, when: writtenWhen(when), to: writtenGroups(to), source });
    return;
  }
  printTable(
    ['RULE', 'MAIL', 'TAKES', 'SET'],
    rules.map(({ name, when, to, source }) => [name, formatWhen(when), formatGroups(to) || 'nothing', source]),
  );
  for (const problem of problems) console.log(`\nLeft out: ${problem}.`);
}

async function remove(name: string, { json }: { json?: boolean }): Promise<void> {
  const outcome = await withStore(({ pool }, settings) => removeRule(pool, settings, name));
  if (outcome.kind !== 'removed') throw new Failure(outcome.problem);
  if (json) printJson({ name, removed: true });
  else console.log(`Removed route ${name}.`);
}

async function test({ credential = null, stream, from, to, tag: tags = [], json }: TestOptions): Promise<void> {
  const outcome = await withStore(async (store, settings) => {
    await warnOfOtherSettings(store.pool, settings);
    return ruleOf(store, settings, { from, to, stream, tags, credential });
  });
  if (outcome.kind === 'refused') throw new Failure(outcome.problem);
  const { rule } = outcome;
  if (json) return printJson({ rule: rule.name, to: writtenGroups(rule.to), source: rule.source });
  console.log(
    `Rule ${rule.name} (${rule.source}): mail to ${domainOf(to as never)} takes ${formatGroups(rule.to) || 'nothing'}.`,
  );
}
