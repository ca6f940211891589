// What providers report over HTTP: a door for each account, one short answer for each outcome. An answer of 2xx is given
// only once the events are kept; anything else makes the provider try again. Strangers learn nothing of why; the log does.
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  createEventDoors,
  type EventDoor,
  type EventSettings,
  type Opening,
  type ProviderEvent,
} from '../../bounce/index.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import { createOutsideGet, type OutsideGet } from '../platform/outside-get.ts';
import { sendProblem } from './app.ts';
import { isProblemStatus, type ProblemStatus } from './problem.ts';
import type { Routes } from './routes.ts';

export type ProviderEventsOptions = {
  readonly settings: EventSettings;
  /** Resolves when the events are kept for good. It may be given the same events again, and must count them once. */
  readonly take: (events: readonly ProviderEvent[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** For certificates and confirmations of SNS; the default lets nothing inside of our network be reached. */
  readonly fetch?: OutsideGet;
};

/** SendGrid's batches end at 768 KB, SNS's messages at 256 KB. */
const MAX_BYTES = 1_000_000;

export function createProviderEvents(options: ProviderEventsOptions): Routes {
  const { settings, clock, fetch: get = createOutsideGet() } = options;
  const doors = createEventDoors({ settings, clock, get });
  const warn = onceAMinute(clock);
  return async app => {
    // In a scope of its own: bodies stay bytes here, whatever type they claim. SNS calls its JSON text/plain.
    await app.register(async scope => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BYTES }, (_request, body, done) =>
        done(null, body),
      );
      scope.setErrorHandler((error, request, reply) => fail(options.log, error, request, reply));
      for (const door of doors) {
        scope.post(door.path, { bodyLimit: MAX_BYTES }, (request, reply) =>
          answer({ ...options, warn }, door, request, reply),
        );
      }
    });
  };
}

type Context = ProviderEventsOptions & { readonly warn: (key: string, write: () => void) => void };

async function answer(context: Context, door: EventDoor, request: FastifyRequest, reply: FastifyReply) {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const opening = await door.open({ headers: request.headers, body });
  const outcome = opening.kind === 'events' ? await hand(context, door, opening) : opening.kind;
  context.metrics.providerRequests.inc({ provider: door.provider, outcome });
  if (opening.kind !== 'events') note(context, door, opening, request.ip);
  const status = ANSWERS[outcome];
  return status === 200 ? reply.send({ status: 'taken' }) : sendProblem(reply, status);
}

/** Bodies too large or too slow, and faults of ours. */
function fail(log: Logger, error: unknown, { url }: FastifyRequest, reply: FastifyReply) {
  const status = (error as { statusCode?: number }).statusCode ?? 500;
  if (status < 500) return sendProblem(reply, isProblemStatus(status) ? status : 400);
  log.error({ event: 'events-not-taken', path: url, err: error }, 'provider events were not kept');
  return sendProblem(reply, 500);
}

type Outcome = 'taken' | 'not-taken' | Exclude<Opening['kind'], 'events'>;

const ANSWERS: Readonly<Record<Outcome, 200 | ProblemStatus>> = {
  ...{ taken: 200, subscribed: 200, unsubscribed: 200 },
  ...{ malformed: 400, refused: 403 },
  ...{ unavailable: 503, 'not-taken': 503 },
};

/** Authentic events, to whoever keeps them. Nothing of interest is an answer too: there is then nothing to keep. */
async function hand(context: Context, door: EventDoor, opening: Opening & { kind: 'events' }): Promise<Outcome> {
  const { events, taken } = opening;
  const { provider, account } = door;
  try {
    if (events.length > 0) await context.take(events);
  } catch (error) {
    context.log.error({ event: 'events-not-taken', provider, account, err: error }, 'provider events were not kept');
    return 'not-taken';
  }
  taken?.();
  const kinds = countKinds(events);
  for (const [kind, count] of Object.entries(kinds)) context.metrics.providerEvents.inc({ provider, kind }, count);
  if (events.length > 0) context.log.info({ event: 'events-taken', provider, account, kinds }, 'provider events kept');
  return 'taken';
}

function countKinds(events: readonly ProviderEvent[]): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const { kind } of events) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return kinds;
}

/** What strangers can cause is written once a minute; the metric counts all of it. */
function note(
  { log, warn }: Context,
  door: EventDoor,
  opening: Exclude<Opening, { kind: 'events' }>,
  ip: string,
): void {
  const { provider, account } = door;
  const from = { provider, account, remoteAddress: ip };
  switch (opening.kind) {
    case 'subscribed':
      log.info({ event: 'events-subscribed', provider, topic: opening.topic }, 'subscription confirmed');
      return;
    case 'unsubscribed':
      log.warn({ event: 'events-unsubscribed', provider, topic: opening.topic }, 'a topic stopped telling us');
      return;
    case 'unavailable': {
      const { why: reason, cause: err } = opening;
      warn(`${door.path} ${reason}`, () => log.warn({ event: 'events-unavailable', ...from, reason, err }, reason));
      return;
    }
    case 'refused':
    case 'malformed': {
      const { why: reason } = opening;
      warn(`${door.path} ${reason}`, () =>
        log.warn({ event: 'events-refused', ...from, reason }, 'a request to an event path was refused'),
      );
      return;
    }
  }
}

function onceAMinute(clock: Clock): Context['warn'] {
  const said = new Map<string, number>();
  return (key, write) => {
    if (clock() < (said.get(key) ?? 0)) return;
    said.set(key, clock() + 60_000);
    write();
  };
}
