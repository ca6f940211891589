// Which upstream of a message's route to try, and why others are passed over.
import type { Upstream } from '../../src/mail/upstream.ts';
import type { Route, Router } from '../routing/router.ts';
import type { Circuit } from './circuit.ts';
import type { Fleet } from './fleet.ts';

export type Choice = {
  /** Its place in the route. */
  readonly hop: number;
  readonly upstream: Upstream;
  readonly circuit: Circuit;
};

export type Skipped = { readonly hop: number; readonly upstream: string; readonly skipped: string };

export type Picked = {
  readonly choice: Choice | null;
  readonly skipped: readonly Skipped[];
  /** Where there is no choice: when one of those passed over takes mail again, as far as that has a time. */
  readonly comeAgain: { readonly at: number; readonly upstream: string; readonly reason: string } | null;
};

export class Switchboard {
  readonly #fleet: Fleet;
  readonly #router: Router;

  constructor(fleet: Fleet, router: Router) {
    this.#fleet = fleet;
    this.#router = router;
  }

  /** The first upstream from `from` on that may be tried. */
  pick({ upstreams }: Route, from: number, now: number): Picked {
    const skipped: Skipped[] = [];
    const waits: NonNullable<Picked['comeAgain']>[] = [];
    for (let hop = from; hop < upstreams.length; hop += 1) {
      const name = upstreams[hop]!;
      const member = this.#fleet.get(name);
      const isDown = !member?.circuit.admits;
      const notNow = isDown ? null : (member.upstream.notNow?.(now) ?? null);
      if (!isDown && notNow === null) return { choice: { hop, ...member }, skipped, comeAgain: null };
      if (notNow) waits.push({ at: notNow.until, upstream: name, reason: notNow.reason });
      skipped.push({ hop, upstream: name, skipped: notNow?.reason ?? member?.circuit.passOver(now) ?? GONE });
    }
    // One that is down may be back sooner than any of these.
    const comeAgain = waits.length === skipped.length ? waits.toSorted((a, b) => a.at - b.at)[0] : null;
    return { choice: null, skipped, comeAgain: comeAgain ?? null };
  }

  /** How many deliveries may be begun now: none, a single one on trial, or as many as there is room for. */
  get appetite(): 'none' | 'one' | 'many' {
    const circuits = [...this.#fleet.members].map(({ circuit }) => circuit);
    if (circuits.some(circuit => !circuit.isOpen)) return 'many';
    return circuits.some(circuit => circuit.admits) ? 'one' : 'none';
  }

  /** Names of the routes of which no upstream may be tried now. */
  blocked(now: number): string[] {
    const takesMail = (name: string) => {
      const member = this.#fleet.get(name);
      return member?.circuit.admits && !member.upstream.notNow?.(now);
    };
    return this.#router.rules
      .filter(({ to }) => !to.flat().some(({ upstream }) => takesMail(upstream)))
      .map(({ name }) => name);
  }

  /** Whether no upstream of the route is believed to take mail. */
  isDown({ upstreams }: Route): boolean {
    return upstreams.every(name => this.#fleet.get(name)?.circuit.isOpen ?? true);
  }
}

/** Why nobody takes it, for people. */
export function whyNobody(skipped: readonly Skipped[]): string {
  return `upstreams-down: ${skipped.map(({ upstream, skipped: why }) => `${upstream}: ${why}`).join('; ')}`;
}

const GONE = 'no such upstream any more';
