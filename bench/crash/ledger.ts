// What the client was promised, what the upstream got, and when the kills were: three independent records, compared
// at the end. It knows nothing of the relay, so it cannot share its mistakes.
import type { Arrival } from '../sink.ts';

/** While one of these was open, an outcome may have been lost between the upstream's 250 and our disk. */
interface Window {
  readonly fromMs: number;
  toMs: number;
}

export interface Verdict {
  readonly acknowledged: number;
  readonly arrived: number;
  /** Arrived although the client never saw the 250: it was under way when the kill came. Nobody's fault. */
  readonly unpromised: number;
  readonly lost: readonly number[];
  /** Arrived with fewer bytes than were sent. */
  readonly cutShort: readonly number[];
  readonly twice: number;
  /** How many could have come twice: those that arrived while a window was open. */
  readonly twiceAtMost: number;
  /** Came again although their earlier arrival was in no window: nobody's excuse. */
  readonly twiceWithoutExcuse: readonly number[];
  /** From the beginning of its submission to its first arrival, of whichever took longest. */
  readonly longestWayMs: number;
  /** How long before a kill the earlier arrival of a repeated message was, at most: what the settling really takes. */
  readonly longestUnsettledMs: number;
}

export class Ledger {
  readonly #settleMs: number;
  readonly #sentBytes = new Map<number, number>();
  readonly #begunAtMs = new Map<number, number>();
  readonly #arrivedAtMs = new Map<number, number[]>();
  readonly #cutShort: number[] = [];
  readonly #windows: Window[] = [];
  readonly #acknowledged = new Set<number>();
  #missing = 0;
  #lastBegunAtMs = 0;
  #lastArrivalMs = 0;

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Acknowledged and not arrived yet. */
  get missing(): number {
    return this.#missing;
  }

  get lastArrivalMs(): number {
    return this.#lastArrivalMs;
  }

  begin(number: number, bytes: number): void {
    this.#sentBytes.set(number, bytes);
    this.#begunAtMs.set(number, performance.now());
  }

  acknowledge(number: number, begunAtMs: number): void {
    this.#acknowledged.add(number);
    this.#lastBegunAtMs = Math.max(this.#lastBegunAtMs, begunAtMs);
    if (!this.#arrivedAtMs.has(number)) this.#missing += 1;
  }

  /** True once a message begun after this moment has been acknowledged: the relay really works again. */
  hasAcknowledgedSince(atMs: number): boolean {
    return this.#lastBegunAtMs > atMs;
  }

  arrive({ number, bytes, atMs }: Arrival): void {
    const earlier = this.#arrivedAtMs.get(number);
    if (earlier) earlier.push(atMs);
    else this.#arrivedAtMs.set(number, [atMs]);
    if (!earlier && this.#acknowledged.has(number)) this.#missing -= 1;
    if (bytes < (this.#sentBytes.get(number) ?? 0)) this.#cutShort.push(number);
    this.#lastArrivalMs = atMs;
  }

  kill(atMs: number): void {
    this.#windows.push({ fromMs: atMs - this.#settleMs, toMs: Number.POSITIVE_INFINITY });
  }

  recover(atMs: number): void {
    this.#windows.at(-1)!.toMs = atMs;
  }

  verdict(): Verdict {
    const arrivals = [...this.#arrivedAtMs];
    const repeated = arrivals.filter(([, atMs]) => atMs.length > 1);
    const earlier = repeated.flatMap(([number, atMs]) => atMs.slice(0, -1).map(each => ({ number, atMs: each })));
    return {
      acknowledged: this.acknowledged,
      arrived: this.#arrivedAtMs.size,
      unpromised: arrivals.filter(([number]) => !this.#acknowledged.has(number)).length,
      lost: [...this.#acknowledged].filter(number => !this.#arrivedAtMs.has(number)),
      cutShort: this.#cutShort,
      twice: earlier.length,
      twiceAtMost: arrivals.filter(([, atMs]) => this.#windowAt(atMs[0]!)).length,
      twiceWithoutExcuse: earlier.filter(({ atMs }) => !this.#windowAt(atMs)).map(({ number }) => number),
      longestWayMs: arrivals.reduce(
        (most, [number, [atMs]]) => Math.max(most, atMs! - this.#begunAtMs.get(number)!),
        0,
      ),
      longestUnsettledMs: Math.max(0, ...earlier.map(({ atMs }) => this.#beforeKillMs(atMs))),
    };
  }

  #windowAt(atMs: number): Window | undefined {
    return this.#windows.find(window => window.fromMs <= atMs && atMs <= window.toMs);
  }

  #beforeKillMs(atMs: number): number {
    const window = this.#windowAt(atMs);
    return window ? window.fromMs + this.#settleMs - atMs : 0;
  }
}
