// What POSTERN_ROUTES and POSTERN_LIFETIMES list: rules with `when`, which mail they are for, and what holds for it. In
// postern.yaml they are lists, in the environment the same as JSON. docs/routes.md shows every key.
import { z } from 'zod';
import { durationMs, type RetrySchedule, retrySchedule } from './duration.ts';

/** All of these must fit, and of each the one or other; what is missing fits everything. */
export type When = {
  readonly tenant?: readonly string[];
  readonly credential?: readonly string[];
  readonly stream?: readonly ('transactional' | 'bulk')[];
  /** Lower case; `*.example.com` is each domain below it. */
  readonly senderDomain?: readonly string[];
  readonly recipientDomain?: readonly string[];
  readonly tag?: readonly string[];
};

export type WeightedUpstream = { readonly upstream: string; readonly weight: number };

/** Tried one after the other; the upstreams of one group take turns by their weights. */
export type RouteGroups = readonly (readonly WeightedUpstream[])[];

export type RouteRule = { readonly name: string; readonly when: When; readonly to: RouteGroups };

export type LifetimeRule = {
  readonly name: string;
  readonly when: When;
  /** null = as everywhere. */
  readonly retry: RetrySchedule | null;
  readonly maxAgeMs: number | null;
};

const MAX_RULES = 1_000;
/** As short as an app may ask for, as long as POSTERN_MAX_AGE may be, in whose place it stands. */
const MIN_AGE_MS = 10_000;
const MAX_AGE_MS = 365 * 86_400_000;
const NAME = /^[a-z\d][\w.-]{0,62}$/i;
/** Stands for the upstreams of POSTERN_UPSTREAMS in their order. */
export const DEFAULT_ROUTE = 'default';

/** Of what is not there at all, as people see it: an empty value in YAML is null. */
const orMissing = (problem: string) => ({
  error: ({ input }: { readonly input?: unknown }) => (input === undefined || input === null ? 'is missing' : problem),
});
const oneOrMore = <T>(item: z.ZodType<T, string>) =>
  z.preprocess(
    value => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(item).min(1, 'is an empty list').optional(),
  );
const word = z.string('is no text').min(1, 'is empty').max(320, 'is too long');
const domainPattern = z
  .string('is no text')
  .regex(/^(\*\.)?([\p{L}\p{N}_]([\p{L}\p{N}_-]*[\p{L}\p{N}_])?\.)*[\p{L}\p{N}_]([\p{L}\p{N}_-]*[\p{L}\p{N}_])?$/u, {
    error: 'is no domain, nor *. before one',
  })
  .transform(value => foldPattern(value));
export const ruleName = z
  .string(orMissing('is no name'))
  .regex(NAME, 'is no name: letters, digits, dots, dashes')
  .refine(name => name !== DEFAULT_ROUTE, `may not be ${DEFAULT_ROUTE}: that is what holds without a rule`);
const KEYS_OF_MESSAGE = 'tenant, credential, stream, sender-domain, tag';
const KEYS_OF_ROUTE = 'name, when, to';
const KEYS_OF_LIFETIME = 'name, when, retry, max-age';
const aboutMessage = {
  tenant: oneOrMore(word),
  credential: oneOrMore(word),
  stream: oneOrMore(z.enum(['transactional', 'bulk'], 'is neither transactional nor bulk')),
  'sender-domain': oneOrMore(domainPattern),
  tag: oneOrMore(word),
};
const whenOfMessage = z.strictObject(aboutMessage, shape(KEYS_OF_MESSAGE)).default({}).transform(asWhen);
export const routeWhen = z
  .strictObject(
    { ...aboutMessage, 'recipient-domain': oneOrMore(domainPattern) },
    shape(`${KEYS_OF_MESSAGE}, recipient-domain`),
  )
  .default({})
  .transform(asWhen);

/** `ses*3 + mailgun, postmark`: groups apart by commas, or as a list; within a group `+`, and a weight behind `*`. */
export const routeGroups = z
  .union([z.string(), z.array(z.string())], orMissing('is no text'))
  .transform((value, context) => {
    const groups = (typeof value === 'string' ? value.split(',') : value).map(group => group.split('+').map(weighted));
    const problem = groups.flat().find(member => typeof member === 'string');
    const names = groups.flat().map(member => (typeof member === 'string' ? member : member.upstream));
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (problem !== undefined) context.addIssue(String(problem));
    else if (twice !== undefined) context.addIssue(`names ${twice} twice`);
    return groups as RouteGroups;
  });

export const routeRule: z.ZodType<RouteRule, unknown> = z.strictObject(
  { name: ruleName, when: routeWhen, to: routeGroups },
  shape(KEYS_OF_ROUTE),
);

/** The same where the name stands elsewhere; `before` names the rule that it is to stand before. */
export const routeBody = z.strictObject(
  { when: routeWhen, to: routeGroups, before: ruleName.nullish() },
  shape('when, to, before'),
);

const lifetimeRule: z.ZodType<LifetimeRule, unknown> = z
  .strictObject(
    {
      name: ruleName,
      when: whenOfMessage,
      retry: retrySchedule.optional(),
      'max-age': durationMs.refine(ms => ms >= MIN_AGE_MS && ms <= MAX_AGE_MS, 'is outside 10s-365d').optional(),
    },
    shape(KEYS_OF_LIFETIME),
  )
  .refine(rule => rule.retry !== undefined || rule['max-age'] !== undefined, 'says neither retry nor max-age')
  .transform(({ name, when, retry = null, 'max-age': maxAgeMs = null }) => ({ name, when, retry, maxAgeMs }));

export const routeRules = rulesOf(routeRule, KEYS_OF_ROUTE);
export const lifetimeRules = rulesOf(lifetimeRule, KEYS_OF_LIFETIME);

/** In the order in which they are asked: a rule set by hand stands in for that of its name in the settings. */
export function inForce(byHand: readonly RouteRule[], settings: readonly RouteRule[]): RouteRule[] {
  return [...byHand, ...settings.filter(({ name }) => !byHand.some(rule => rule.name === name))];
}

/** The upstreams that rules name and nobody knows, each with its rule. */
export function unknownUpstreams(rules: readonly RouteRule[], known: ReadonlySet<string>): string[] {
  return rules.flatMap(({ name, to }) =>
    to
      .flat()
      .filter(({ upstream }) => !known.has(upstream))
      .map(({ upstream }) => `${name} names ${upstream}, which is no upstream`),
  );
}

/** As `routeGroups` reads them. */
export function writtenGroups(groups: RouteGroups): string[] {
  const member = ({ upstream, weight }: WeightedUpstream) => (weight === 1 ? upstream : `${upstream}*${weight}`);
  return groups.map(group => group.map(member).join(' + '));
}

/** For people. */
export function formatGroups(groups: RouteGroups): string {
  return writtenGroups(groups).join(', then ');
}

/** As a person would write it, for tables. */
export function formatWhen(when: When): string {
  const parts = Object.entries(KEYS).flatMap(([key, written]) => {
    const values = when[key as keyof When];
    return values ? [`${written}=${values.join('|')}`] : [];
  });
  return parts.join(' ') || 'everything';
}

/** As it is written in a rule. */
export function writtenWhen(when: When): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(KEYS).flatMap(([key, written]) => {
      const values = when[key as keyof When];
      return values ? [[written, values]] : [];
    }),
  );
}

const KEYS: Readonly<Record<keyof When, string>> = {
  ...{ tenant: 'tenant', credential: 'credential', stream: 'stream', senderDomain: 'sender-domain' },
  ...{ recipientDomain: 'recipient-domain', tag: 'tag' },
};

function asWhen(written: Readonly<Record<string, readonly string[] | undefined>>): When {
  return Object.fromEntries(
    Object.entries(KEYS).flatMap(([key, name]) => (written[name] === undefined ? [] : [[key, written[name]]])),
  );
}

/** Complaints about a map with `keys`. */
function shape(keys: string) {
  return {
    error: (issue: { readonly code?: string; readonly keys?: unknown }): string | undefined => {
      if (issue.code === 'invalid_type') return `is not made of ${keys}`;
      return issue.code === 'unrecognized_keys' && Array.isArray(issue.keys)
        ? `has ${issue.keys.join(', ')}, which means nothing here`
        : undefined;
    },
  };
}

/** A string is what is wrong with it. */
function weighted(text: string): WeightedUpstream | string {
  const match = /^\s*([^\s*+,]{1,100})\s*(?:\*\s*([1-9]\d{0,3}))?\s*$/.exec(text);
  if (!match) return `has ${JSON.stringify(text.trim())}, which is no upstream with a weight, as in ses*3`;
  return { upstream: match[1]!, weight: Number(match[2] ?? 1) };
}

function foldPattern(pattern: string): string {
  const prefix = pattern.startsWith('*.') ? '*.' : '';
  const domain = pattern.slice(prefix.length);
  return prefix + (URL.parse(`http://${domain}`)?.hostname ?? domain.toLowerCase());
}

function rulesOf<T extends { readonly name: string }>(rule: z.ZodType<T, unknown>, keys: string) {
  const list = z.array(rule, `is no list of rules with ${keys}`).max(MAX_RULES, `has more than ${MAX_RULES} rules`);
  return z.string().transform((value, context): readonly T[] => {
    const written = parseJson(value);
    const parsed = list.safeParse(written);
    if (!parsed.success) {
      for (const { path, message } of parsed.error.issues) context.addIssue(`${describePath(path, written)}${message}`);
      return [];
    }
    const names = parsed.data.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) context.addIssue(`has two rules ${twice}`);
    return parsed.data;
  });
}

/** undefined = none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `rule bulk, when.stream `: rules are known by their names, as far as they have any; nothing for the whole list. */
function describePath([index, ...rest]: readonly PropertyKey[], written: unknown): string {
  if (index === undefined) return '';
  const name = (written as ({ name?: unknown } | null)[])[Number(index)]?.name;
  const rule = `rule ${typeof name === 'string' ? name : Number(index) + 1}`;
  const keys = rest.filter(key => typeof key === 'string');
  return keys.length === 0 ? `${rule} ` : `${rule}, ${keys.join('.')} `;
}
