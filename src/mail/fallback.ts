// Whether the mail of a route runs on its fallback: nobody of its first group takes mail, and there are others behind it.
// One that merely has its turn within a group is no fallback. Pure.

export type FallbackRoute = {
  readonly name: string;
  /** Names of upstreams, in the order in which groups are tried. */
  readonly groups: readonly (readonly string[])[];
};

export type OpenCircuit = { readonly upstream: string; readonly reason: string };

export type Fallback = {
  readonly route: string;
  /** Its first group. */
  readonly from: readonly string[];
  /** Those behind it that take mail; none = the mail waits. */
  readonly to: readonly string[];
  readonly reason: string;
};

export function runningOnFallback(routes: readonly FallbackRoute[], open: readonly OpenCircuit[]): Fallback[] {
  const reasons = new Map(open.map(({ upstream, reason }) => [upstream, reason]));
  return routes
    .filter(({ groups: [first, ...others] }) => others.length > 0 && first!.every(name => reasons.has(name)))
    .map(({ name, groups: [first, ...others] }) => ({
      route: name,
      from: first!,
      to: others.flat().filter(upstream => !reasons.has(upstream)),
      reason: first!.map(upstream => `${upstream}: ${reasons.get(upstream)}`).join('; '),
    }));
}
