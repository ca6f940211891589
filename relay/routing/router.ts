// Which way a message goes: the rules that hold now, by hand first, then those of the settings, then all upstreams in
// their order. A route is drawn anew for each attempt, since the members of a group take turns.
import { DEFAULT_ROUTE, type RouteGroups, type RouteRule } from '../../src/platform/route-rules.ts';
import { asksForRecipient, type MessageFacts, ruleFor } from './match.ts';

export type Route = {
  /** Of the rule; stands with what waits for one of its upstreams. */
  readonly name: string;
  /** In the order in which they are tried. */
  readonly upstreams: readonly string[];
};

type Prepared = RouteRule & { readonly fixed: Route | null };

export class Router {
  readonly #random: () => number;
  #rules: readonly Prepared[] = [];
  #default: Prepared;
  #splits = false;

  constructor(upstreams: readonly string[], rules: readonly RouteRule[], random: () => number) {
    this.#random = random;
    this.#default = prepare(defaultRule(upstreams));
    this.replace(upstreams, rules);
  }

  /** Names that are no upstream are left out of rules, and a rule without any left is none. */
  replace(upstreams: readonly string[], rules: readonly RouteRule[]): void {
    const known = new Set(upstreams);
    this.#default = prepare(defaultRule(upstreams));
    const usable = rules.map(rule => prepare(withOnly(known, rule))).filter(({ to }) => to.length > 0);
    const last = usable.findIndex(isForEverything);
    this.#rules = last < 0 ? usable : usable.slice(0, last + 1);
    this.#splits = asksForRecipient(this.#rules);
  }

  /** All rules that some mail comes to, that of last resort too: nothing gets past one that is for everything. */
  get rules(): readonly RouteRule[] {
    const last = this.#rules.at(-1);
    return last && isForEverything(last) ? this.#rules : [...this.#rules, this.#default];
  }

  routeOf(message: MessageFacts, recipient: string): Route {
    return this.#draw(this.#rules.length === 0 ? this.#default : this.#ruleFor(message, recipient));
  }

  /** The recipients of one message, by their indexes, with the route of each: most often all have one. */
  split(message: MessageFacts, recipients: readonly string[]): { route: Route; indexes: number[] }[] {
    const everyone = () => [...recipients.keys()];
    if (!this.#splits || recipients.length < 2)
      return [{ route: this.routeOf(message, recipients[0]!), indexes: everyone() }];
    const byRule = new Map<Prepared, number[]>();
    for (const [index, recipient] of recipients.entries()) {
      const rule = this.#ruleFor(message, recipient);
      const indexes = byRule.get(rule);
      if (indexes) indexes.push(index);
      else byRule.set(rule, [index]);
    }
    return [...byRule].map(([rule, indexes]) => ({ route: this.#draw(rule), indexes }));
  }

  #ruleFor(message: MessageFacts, recipient: string): Prepared {
    return ruleFor(this.#rules, message, recipient) ?? this.#default;
  }

  #draw(rule: Prepared): Route {
    return rule.fixed ?? { name: rule.name, upstreams: inTurn(rule.to, this.#random) };
  }
}

/** Each group in an order drawn by its weights: the first gets its share, and the others are there should it fail. */
export function inTurn(groups: RouteGroups, random: () => number): string[] {
  return groups.flatMap(group => {
    const left = [...group];
    const order: string[] = [];
    while (left.length > 0) order.push(...left.splice(drawn(left, random()), 1).map(({ upstream }) => upstream));
    return order;
  });
}

function drawn(members: RouteGroups[number], random: number): number {
  let mark = random * members.reduce((sum, { weight }) => sum + weight, 0);
  for (const [index, { weight }] of members.entries()) {
    mark -= weight;
    if (mark < 0) return index;
  }
  return members.length - 1;
}

function isForEverything({ when }: RouteRule): boolean {
  return Object.keys(when).length === 0;
}

function defaultRule(upstreams: readonly string[]): RouteRule {
  return { name: DEFAULT_ROUTE, when: {}, to: upstreams.map(upstream => [{ upstream, weight: 1 }]) };
}

export function withOnly(known: ReadonlySet<string>, rule: RouteRule): RouteRule {
  const to = rule.to.map(group => group.filter(({ upstream }) => known.has(upstream)));
  return { ...rule, to: to.filter(group => group.length > 0) };
}

/** Where nothing is to be drawn, the route is made once. */
function prepare(rule: RouteRule): Prepared {
  const isFixed = rule.to.every(group => group.length === 1);
  return { ...rule, fixed: isFixed ? { name: rule.name, upstreams: rule.to.map(([only]) => only!.upstream) } : null };
}
