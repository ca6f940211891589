// Names from outside as labels of a metric: the busiest ones by name, all others together, so that a stranger who thinks up
// names makes no series. Which are the busiest is learned as they come, and what is long ago counts less. Pure.
import { BoundedMap } from './bounded-map.ts';

export const OTHER = 'other';

/** So many names are counted for each that is named: whoever is to become one has come again soon. */
const CANDIDATES = 40;
/** After so many for each name, each count is halved. */
const MEMORY = 200;
/** A name is given up for one that came so many times as often: two of a kind do not take turns. */
const CLEARLY_BUSIER = 2;

export class BusiestNames {
  readonly #most: number;
  readonly #onGivenUp: (name: string) => void;
  readonly #named = new Map<string, number>();
  readonly #candidates: BoundedMap<string, number>;
  #seen = 0;
  /** No named one came less often. */
  #least = 0;

  constructor(most: number, onGivenUp: (name: string) => void) {
    this.#most = most;
    this.#onGivenUp = onGivenUp;
    this.#candidates = new BoundedMap(most * CANDIDATES);
  }

  /** The name itself, or `other`. */
  nameOf(name: string): string {
    this.#seen += 1;
    if (this.#seen % (this.#most * MEMORY) === 0) this.#halve();
    const count = this.#named.get(name);
    if (count !== undefined) {
      this.#named.set(name, count + 1);
      return name;
    }
    const candidate = (this.#candidates.get(name) ?? 0) + 1;
    if (this.#named.size < this.#most || this.#mayReplace(candidate)) return this.#promote(name, candidate);
    this.#candidates.set(name, candidate);
    return OTHER;
  }

  #mayReplace(count: number): boolean {
    if (count <= this.#least * CLEARLY_BUSIER) return false;
    // It may have grown since it was looked for.
    this.#least = Math.min(...this.#named.values());
    return count > this.#least * CLEARLY_BUSIER;
  }

  #promote(name: string, count: number): string {
    if (this.#named.size >= this.#most) {
      const [givenUp] = [...this.#named].find(([, own]) => own === this.#least)!;
      this.#candidates.set(givenUp, this.#named.get(givenUp)!);
      this.#named.delete(givenUp);
      this.#onGivenUp(givenUp);
      this.#least = Math.min(...this.#named.values(), count);
    }
    this.#candidates.delete(name);
    this.#named.set(name, count);
    return name;
  }

  #halve(): void {
    for (const [name, count] of this.#named) this.#named.set(name, count / 2);
    for (const [name, count] of [...this.#candidates]) this.#candidates.set(name, count / 2);
    this.#least /= 2;
  }
}
