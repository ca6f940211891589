// How many sessions there are, of whom: both ports share the count, so that one client cannot take the door from the
// others (THREATS 16). A stranger is whoever has not said who he is; a client has, or comes from a trusted network.
import { neighbourhood } from '../../src/platform/networks.ts';

export type SessionLimits = {
  readonly total: number;
  /** Of one IPv4 address, or one IPv6 /64. */
  readonly strangersPerHost: number;
  readonly clientsPerHost: number;
};

export type SessionKind = 'stranger' | 'client';

/** Why there is no room. */
export type NoRoom = 'too-many-sessions' | 'too-many-strangers-of-host' | 'too-many-clients-of-host';

/** One session's place in the count. */
export type Place = {
  /** The stranger said who he is; the reason when there are too many like him. */
  becomeClient(): NoRoom | null;
  /** May be called twice: a socket and its session both end. */
  leave(): void;
};

export class SessionCounts {
  readonly #limits: SessionLimits;
  readonly #onChange: (kind: SessionKind, by: 1 | -1) => void;
  readonly #ofHost: Record<SessionKind, Map<string, number>> = { stranger: new Map(), client: new Map() };
  #total = 0;

  constructor(limits: SessionLimits, onChange: (kind: SessionKind, by: 1 | -1) => void) {
    this.#limits = limits;
    this.#onChange = onChange;
  }

  enter(address: string): Place | NoRoom {
    const host = neighbourhood(address, 32);
    if (this.#total >= this.#limits.total) return 'too-many-sessions';
    if (this.#count('stranger', host) >= this.#limits.strangersPerHost) return 'too-many-strangers-of-host';
    this.#total += 1;
    this.#add('stranger', host, 1);
    return this.#place(host);
  }

  #place(host: string): Place {
    let kind: SessionKind | null = 'stranger';
    return {
      becomeClient: () => {
        if (kind !== 'stranger') return null;
        if (this.#count('client', host) >= this.#limits.clientsPerHost) return 'too-many-clients-of-host';
        this.#add('stranger', host, -1);
        this.#add('client', host, 1);
        kind = 'client';
        return null;
      },
      leave: () => {
        if (kind === null) return;
        this.#total -= 1;
        this.#add(kind, host, -1);
        kind = null;
      },
    };
  }

  #count(kind: SessionKind, host: string): number {
    return this.#ofHost[kind].get(host) ?? 0;
  }

  #add(kind: SessionKind, host: string, by: 1 | -1): void {
    const count = this.#count(kind, host) + by;
    if (count === 0) this.#ofHost[kind].delete(host);
    else this.#ofHost[kind].set(host, count);
    this.#onChange(kind, by);
  }
}
