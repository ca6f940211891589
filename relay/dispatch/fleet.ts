// The upstreams that there are, each with its circuit. They can be replaced while mail is under way: what is unchanged
// stays as it is, with its sessions and what is known of it; what is gone ends when its last attempt does.
import { isDeepStrictEqual } from 'node:util';
import type { Upstream } from '../../src/mail/upstream.ts';
import type { UpstreamSettings } from '../../src/platform/upstream-url.ts';
import { shareOf } from '../upstreams/places.ts';
import { Circuit, type CircuitOptions } from './circuit.ts';
import type { Neighbourhood } from './neighbours.ts';

export type Member = {
  readonly upstream: Upstream;
  readonly circuit: Circuit;
  /** Attempts of this process at the same time: its share of the upstream's connections. */
  readonly places: number;
};

export type FleetOptions = {
  /** Throws when a file that it needs cannot be used. */
  readonly create: (settings: UpstreamSettings) => Upstream;
  readonly circuit: CircuitOptions;
  readonly neighbours: Neighbourhood;
};

export class Fleet {
  readonly #options: FleetOptions;
  #members = new Map<string, Member & { readonly settings: UpstreamSettings }>();

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  get(name: string): Member | undefined {
    return this.#members.get(name);
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  get size(): number {
    return this.#members.size;
  }

  /** In the order of the settings. */
  get names(): string[] {
    return [...this.#members.keys()];
  }

  get members(): Iterable<Member> {
    return this.#members.values();
  }

  /** Throws before anything has changed. */
  replace(wanted: readonly UpstreamSettings[]): { added: string[]; removed: string[] } {
    const before = this.#members;
    const isKept = (settings: UpstreamSettings) => isDeepStrictEqual(before.get(settings.name)?.settings, settings);
    const made = this.#make(wanted.filter(settings => !isKept(settings)));
    this.#members = new Map(
      wanted.map(settings => {
        const upstream = made.get(settings.name);
        return [settings.name, upstream ? this.#enlist(settings, upstream) : before.get(settings.name)!];
      }),
    );
    const removed = [...before.values()].filter(member => this.#members.get(member.settings.name) !== member);
    for (const { circuit, upstream, settings } of removed) {
      if (this.has(settings.name)) circuit.stop();
      else circuit.leave();
      void upstream.close();
    }
    return { added: [...made.keys()], removed: removed.map(({ settings }) => settings.name) };
  }

  /** Looks for upstreams no more. */
  stop(): void {
    for (const { circuit } of this.#members.values()) circuit.stop();
  }

  /** Kept sessions would keep the process alive until they have been idle for long enough. */
  async close(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ upstream }) => upstream.close()));
  }

  /** All or none. */
  #make(wanted: readonly UpstreamSettings[]): Map<string, Upstream> {
    const made = new Map<string, Upstream>();
    try {
      for (const settings of wanted) made.set(settings.name, this.#options.create(settings));
    } catch (error) {
      for (const upstream of made.values()) void upstream.close();
      throw error;
    }
    return made;
  }

  #enlist(settings: UpstreamSettings, upstream: Upstream) {
    const { circuit, neighbours } = this.#options;
    return {
      ...{ settings, upstream, circuit: new Circuit(upstream, circuit) },
      get places() {
        return shareOf(settings.connections, neighbours.count);
      },
    };
  }
}
