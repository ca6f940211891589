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

export type Picked = { readonly choice: Choice | null; readonly skipped: readonly Skipped[] };

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
    for (let hop = from; hop < upstreams.length; hop += 1) {
      const name = upstreams[hop]!;
      const member = this.#fleet.get(name);
      const why = member ? (member.circuit.admits ? null : member.circuit.whyPassedOver(now)) : GONE;
      if (member && why === null) return { choice: { hop, ...member }, skipped };
      skipped.push({ hop, upstream: name, skipped: why ?? GONE });
    }
    return { choice: null, skipped };
  }

  /** How many deliveries may be begun now: none, a single one on trial, or as many as there is room for. */
  get appetite(): 'none' | 'one' | 'many' {
    const circuits = [...this.#fleet.members].map(({ circuit }) => circuit);
    if (circuits.some(circuit => !circuit.isOpen)) return 'many';
    return circuits.some(circuit => circuit.admits) ? 'one' : 'none';
  }

  /** Names of the routes of which no upstream may be tried now. */
  get blocked(): string[] {
    const admits = (name: string) => this.#fleet.get(name)?.circuit.admits ?? false;
    return this.#router.rules
      .filter(({ to }) => !to.flat().some(({ upstream }) => admits(upstream)))
      .map(({ name }) => name);
  }

  /** Whether no upstream of the route is believed to take mail. */
  isDown({ upstreams }: Route): boolean {
    return upstreams.every(name => this.#fleet.get(name)?.circuit.isOpen ?? true);
  }

  whyDown({ upstreams }: Route, now: number): string {
    return upstreams.map(name => `${name}: ${this.#fleet.get(name)?.circuit.whyPassedOver(now) ?? GONE}`).join('; ');
  }
}

const GONE = 'no such upstream any more';
