// All rules that say which way mail goes, from both places where they are written, and how those set by hand change: one
// function each, for the command line and for the API, and one wording of what stands in the way.
import type { Kysely } from 'kysely';
import { parseMailbox } from '../../src/mail/address.ts';
import type { Stream } from '../../src/mail/submission.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import {
  DEFAULT_ROUTE,
  inForce,
  type RouteRule,
  unknownUpstreams,
  writtenGroups,
  writtenWhen,
} from '../../src/platform/route-rules.ts';
import type { Settings } from '../../src/platform/settings.ts';
import { findCredential } from '../../src/store/credentials.ts';
import { listRoutes, removeRoute, setRoute } from '../../src/store/routes.ts';
import type { Database } from '../../src/store/schema.ts';
import { type Refusal, refused } from '../refusal.ts';
import { ruleFor } from './match.ts';
import { readStored } from './route-book.ts';
import { withOnly } from './router.ts';

export const RULE_SOURCES = ['by hand', 'settings', 'last resort'] as const;
export type ListedRule = RouteRule & { readonly source: (typeof RULE_SOURCES)[number] };

/** `problems`: rules set by hand that make no sense, or name upstreams that are gone. */
export type Rulebook = { readonly rules: readonly ListedRule[]; readonly problems: readonly string[] };

type RouteSettings = Pick<Settings, 'POSTERN_UPSTREAMS' | 'POSTERN_ROUTES'>;

/** In the order in which they are asked, with the upstreams that there are; one without any is passed over. */
export async function readRulebook(pool: Pool, settings: RouteSettings): Promise<Rulebook> {
  const { rules, problems } = readStored(await listRoutes(pool));
  const names = upstreamNames(settings);
  const known = new Set(names);
  const lastResort = { name: DEFAULT_ROUTE, when: {}, to: names.map(upstream => [{ upstream, weight: 1 }]) };
  const listed = (rule: RouteRule) => {
    const source = rules.includes(rule) ? ('by hand' as const) : ('settings' as const);
    return { ...withOnly(known, rule), source };
  };
  return {
    rules: [...inForce(rules, settings.POSTERN_ROUTES).map(listed), { ...lastResort, source: 'last resort' as const }],
    problems: [...problems, ...unknownUpstreams(rules, known)],
  };
}

/** Makes a rule, or changes it; it holds in all processes within seconds. Without `before` it keeps its place. */
export async function setRule(
  pool: Pool,
  settings: RouteSettings,
  { rule, before }: { rule: RouteRule; before: string | null },
): Promise<{ readonly kind: 'made' | 'changed' } | Refusal> {
  const names = upstreamNames(settings);
  const [unknown] = unknownUpstreams([rule], new Set(names));
  if (unknown) return refused('to', `${unknown}: there are ${names.join(', ') || 'none'} (POSTERN_UPSTREAMS)`);
  const written = { when: writtenWhen(rule.when), to: writtenGroups(rule.to) };
  const kind = await setRoute(pool, { name: rule.name, rule: written, before });
  if (kind !== null) return { kind };
  const isSetting = settings.POSTERN_ROUTES.some(({ name }) => name === before);
  return refused(
    'before',
    isSetting
      ? `rule ${before} is in POSTERN_ROUTES: what is set by hand is asked before those anyway`
      : `there is no rule ${before}`,
  );
}

/** Of what was set by hand. The others are not refused: there is nothing to remove, or it is written elsewhere. */
export async function removeRule(
  pool: Pool,
  settings: RouteSettings,
  name: string,
): Promise<{ readonly kind: 'removed' } | { readonly kind: 'missing' | 'fixed'; readonly problem: string }> {
  if (await removeRoute(pool, name)) return { kind: 'removed' };
  if (settings.POSTERN_ROUTES.some(rule => rule.name === name))
    return { kind: 'fixed', problem: `rule ${name} is in POSTERN_ROUTES: change it there` };
  if (name === DEFAULT_ROUTE)
    return { kind: 'fixed', problem: `rule ${name} is what holds without a rule: it is always there` };
  return { kind: 'missing', problem: `there is no rule ${name}` };
}

export type RuleStore = { readonly pool: Pool; readonly db: Kysely<Database> };

export type RuleQuestion = {
  readonly from: string;
  readonly to: string;
  readonly stream: Stream;
  readonly tags: readonly string[];
  /** null = of no credential in particular. */
  readonly credential: string | null;
};

/** Which rule holds for such a message. */
export async function ruleOf(
  { pool, db }: RuleStore,
  settings: RouteSettings,
  { from, to, stream, tags, credential: credentialName }: RuleQuestion,
): Promise<{ readonly kind: 'rule'; readonly rule: ListedRule } | Refusal> {
  for (const [field, address] of Object.entries({ from, to })) {
    if (typeof parseMailbox(address, { smtpUtf8: true }) !== 'string')
      return refused(field, `${address} is no address`);
  }
  const credential = credentialName === null ? null : await findCredential(db, credentialName);
  if (credentialName !== null && !credential) return refused('credential', `there is no credential ${credentialName}`);
  const rulebook = await readRulebook(pool, settings);
  const rules = rulebook.rules.filter(({ to, source }) => to.length > 0 || source === 'last resort');
  const tenantId = credential?.tenantId ?? 'default';
  const message = { tenantId, credentialName: credentialName ?? '', stream, tags };
  return { kind: 'rule', rule: ruleFor(rules, { ...message, reversePath: from, headerFrom: from }, to)! };
}

function upstreamNames({ POSTERN_UPSTREAMS }: RouteSettings): string[] {
  return (POSTERN_UPSTREAMS ?? []).map(({ name }) => name);
}
