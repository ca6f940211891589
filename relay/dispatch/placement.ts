// Where mail goes now: which way by its rule, along it the first upstream that takes mail, has room in its lane, and was
// not asked to be slower; and whether not too much of its kind is under way. Whatever cannot go yet is told when to come again, and why.
import type { Clock } from '../../src/platform/clock.ts';
import { BUSY, type ClaimedDelivery } from '../../src/store/deliveries.ts';
import { type MessageFacts, recipientDomain } from '../routing/match.ts';
import type { Route, Router } from '../routing/router.ts';
import type { AtOnce } from './at-once.ts';
import type { Fleet } from './fleet.ts';
import type { Lanes } from './lanes.ts';
import type { Turn } from './progress.ts';
import type { Slowdowns } from './slowdowns.ts';
import type { Choice, Picked, Skipped, Switchboard } from './switchboard.ts';
import type { Beginning, Placed } from './work.ts';

export type PlacementOptions = {
  readonly router: Router;
  readonly fleet: Fleet;
  readonly switchboard: Switchboard;
  readonly lanes: Lanes;
  readonly slowdowns: Slowdowns;
  readonly atOnce: AtOnce;
  readonly clock: Clock;
};

/** What becomes of a message that is about to be accepted. */
export type FreshPlace =
  | { readonly kind: 'go'; readonly route: Route; readonly choice: Choice; readonly skipped: readonly Skipped[] }
  | { readonly kind: 'turn'; readonly turn: Turn }
  /** No upstream of its route takes mail. */
  | { readonly kind: 'park'; readonly route: Route; readonly skipped: readonly Skipped[] }
  /** No room among fresh mail; or its recipients go different ways, or not all of them now: told apart when claimed. */
  | { readonly kind: 'claim' };

/** What becomes of claimed deliveries of one message. */
export type Places = {
  readonly going: readonly Placed[];
  readonly waiting: readonly { readonly deliveries: readonly ClaimedDelivery[]; readonly turn: Turn }[];
};

export class Placement {
  readonly #options: PlacementOptions;

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  fresh(message: MessageFacts, recipients: readonly string[], bytes: number): FreshPlace {
    const { router, switchboard, lanes, slowdowns, atOnce, clock } = this.#options;
    const [first, ...others] = router.split(message, recipients);
    if (others.length > 0) return { kind: 'claim' };
    const { route } = first!;
    const now = clock();
    const { choice, skipped, comeAgain } = switchboard.pick(route, 0, now);
    if (comeAgain) return { kind: 'turn', turn: turnAt(comeAgain, now) };
    if (choice === null) return { kind: 'park', route, skipped };
    const upstream = choice.upstream.name;
    if (!lanes.hasRoomForFresh(upstream, message.stream, bytes)) {
      const isFull = !lanes.hasRoomForClaimed(upstream, message.stream, bytes);
      return isFull ? { kind: 'turn', turn: lanes.turnAt(upstream) } : { kind: 'claim' };
    }
    const domains = domainsOf(recipients);
    if (atOnce.divides(message, domains)) return { kind: 'claim' };
    const full = atOnce.placing()(message, domains);
    if (full) return { kind: 'turn', turn: full };
    if (domains.some(domain => slowdowns.peek(upstream, domain, now) !== null)) return { kind: 'claim' };
    for (const domain of domains) slowdowns.turn(upstream, domain, now, { hasWaited: false, isPromised: false });
    return { kind: 'go', route, choice, skipped };
  }

  /** Of several messages, each group deliveries of one. */
  claimed(groups: readonly (readonly ClaimedDelivery[])[]): Places {
    const tooMany = this.#options.atOnce.placing();
    const going: Placed[] = [];
    const waiting: Places['waiting'][number][] = [];
    for (const { deliveries, route } of groups.flatMap(group => this.#waysOf(group))) {
      const found = this.#placeOf(deliveries, route, tooMany);
      if ('dueInMs' in found) waiting.push({ deliveries, turn: found });
      else going.push({ deliveries, route, begin: found });
    }
    return { going, waiting };
  }

  /** By rule; and by domain, while somebody was asked to be slower, or not all domains may have as much at once. */
  #waysOf(group: readonly ClaimedDelivery[]): { deliveries: ClaimedDelivery[]; route: Route }[] {
    const { router, slowdowns, atOnce } = this.#options;
    const recipients = group.map(({ recipient }) => recipient);
    return router.split(group[0]!, recipients).flatMap(({ route, indexes }) => {
      const deliveries = indexes.map(index => group[index]!);
      const way = this.#onlyPinned(route, group[0]!);
      const isTogether = slowdowns.isQuiet && !atOnce.divides(group[0]!, domainsOf(recipients));
      return isTogether
        ? [{ deliveries, route: way }]
        : byDomain(deliveries).map(some => ({ deliveries: some, route: way }));
    });
  }

  /** What may have been delivered already is tried at that upstream alone, as long as there is such an upstream. */
  #onlyPinned(route: Route, { pinnedUpstream }: ClaimedDelivery): Route {
    return pinnedUpstream !== null && this.#options.fleet.has(pinnedUpstream)
      ? { ...route, upstreams: [pinnedUpstream] }
      : route;
  }

  /**
   * Where along the route to begin, or when to come again. What is too old goes too, and what no upstream takes: both are
   * found out, and written down, when it is begun.
   */
  #placeOf(deliveries: readonly ClaimedDelivery[], route: Route, tooMany: TooMany): Beginning | Turn {
    const { switchboard, lanes, clock } = this.#options;
    const { stream, size, expiresAt } = deliveries[0]!;
    const now = clock();
    const endsInMs = expiresAt.getTime() - now;
    if (endsInMs <= 0) return AT_THE_FIRST;
    const turn = (turn: Turn): Turn => ({ ...turn, dueInMs: Math.min(turn.dueInMs, endsInMs) });
    const picked = switchboard.pick(route, 0, now);
    if (picked.comeAgain) return turn(turnAt(picked.comeAgain, now));
    if (picked.choice === null) return AT_THE_FIRST;
    const place = this.#unhurried(deliveries, route, picked, now);
    if ('dueInMs' in place) return turn(place);
    const upstream = route.upstreams[place.hop]!;
    if (!lanes.hasRoomForClaimed(upstream, stream, size)) return turn(lanes.turnAt(upstream));
    const full = tooMany(deliveries[0]!, domainsOf(deliveries.map(({ recipient }) => recipient)));
    return full ? turn(full) : place;
  }

  /** The first along the route that may have it at the speed that it asked for; else the turn at the very first. */
  #unhurried(deliveries: readonly ClaimedDelivery[], route: Route, picked: Picked, now: number): Beginning | Turn {
    const { slowdowns, switchboard } = this.#options;
    const domains = domainsOf(deliveries.map(({ recipient }) => recipient));
    const hasWaited = deliveries[0]!.reason?.startsWith(SLOWED) ?? false;
    const wait = (upstream: string, isPromised: boolean) =>
      domains.map(domain => slowdowns.turn(upstream, domain, now, { hasWaited, isPromised })).find(one => one !== null);
    const skipped = [...picked.skipped];
    for (let { choice } = picked; choice !== null; ) {
      const waits = wait(choice.upstream.name, false);
      if (!waits) return { hop: choice.hop, skipped };
      skipped.push({ hop: choice.hop, upstream: choice.upstream.name, skipped: waits.reason });
      const next = switchboard.pick(route, choice.hop + 1, now);
      skipped.push(...next.skipped);
      choice = next.choice;
    }
    const waits = wait(picked.choice!.upstream.name, true);
    return waits
      ? { dueInMs: waits.waitMs, waitsFor: null, reason: waits.reason }
      : { hop: picked.choice!.hop, skipped: picked.skipped };
  }
}

const AT_THE_FIRST: Beginning = { hop: 0, skipped: [] };
/** How the reasons of `Slowdowns` begin. */
const SLOWED = 'slowed ';

type TooMany = ReturnType<AtOnce['placing']>;

function domainsOf(recipients: readonly string[]): string[] {
  return [...new Set(recipients.map(recipientDomain))];
}

function byDomain(deliveries: readonly ClaimedDelivery[]): ClaimedDelivery[][] {
  const groups = new Map<string, ClaimedDelivery[]>();
  for (const delivery of deliveries) {
    const domain = recipientDomain(delivery.recipient);
    groups.set(domain, [...(groups.get(domain) ?? []), delivery]);
  }
  return [...groups.values()];
}

/** Sooner, should it take mail sooner, or other routes have another way. */
function turnAt({ at, upstream, reason }: NonNullable<Picked['comeAgain']>, now: number): Turn {
  return { dueInMs: Math.max(0, at - now), waitsFor: `${BUSY}${upstream}`, reason: `not-now: ${upstream}: ${reason}` };
}
