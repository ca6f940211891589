/** The doors that the settings ask for: a provider that is not named has none, and its path does not exist. */
import type { KeyObject } from 'node:crypto';
import type { ProviderKind } from '../../src/mail/provider-fields.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Account } from '../../src/platform/provider-accounts.ts';
import { type EventDoor, headerOf, isInTime, type Opening, pathOf, SKEW_MS } from './door.ts';
import { objectOf, parseJson, rawText, textOf } from './json.ts';
import { readMailgunEvents } from './mailgun.ts';
import { readPostmarkEvents } from './postmark.ts';
import { readSendgridEvents } from './sendgrid.ts';
import { isBasicLogin, isMailgunSignature, isSendgridSignature } from './signatures.ts';
import { createSesDoor } from './sns.ts';
import { createTokenMemory } from './token-memory.ts';

export type EventSettings = {
  readonly POSTERN_EVENTS_SES_TOPICS: readonly string[] | null;
  readonly POSTERN_EVENTS_POSTMARK: readonly Account<string>[] | null;
  readonly POSTERN_EVENTS_MAILGUN: readonly Account<string>[] | null;
  readonly POSTERN_EVENTS_SENDGRID: readonly Account<KeyObject>[] | null;
};

/** Their paths, for people. */
export function eventPaths(settings: EventSettings): string[] {
  const { POSTERN_EVENTS_POSTMARK, POSTERN_EVENTS_MAILGUN, POSTERN_EVENTS_SENDGRID } = settings;
  const named = (provider: ProviderKind, accounts: readonly Account<unknown>[] | null) =>
    (accounts ?? []).map(({ name }) => pathOf(provider, name));
  return [
    ...((settings.POSTERN_EVENTS_SES_TOPICS ?? []).length > 0 ? [pathOf('ses', null)] : []),
    ...named('postmark', POSTERN_EVENTS_POSTMARK),
    ...named('mailgun', POSTERN_EVENTS_MAILGUN),
    ...named('sendgrid', POSTERN_EVENTS_SENDGRID),
  ];
}

export type DoorOptions = {
  readonly settings: EventSettings;
  readonly clock: Clock;
  /** For certificates and confirmations of SNS. */
  readonly get: (url: string) => Promise<Buffer>;
};

export function createEventDoors({ settings, clock, get }: DoorOptions): EventDoor[] {
  const topics = settings.POSTERN_EVENTS_SES_TOPICS ?? [];
  return [
    ...(topics.length > 0 ? [createSesDoor({ topics, get, clock })] : []),
    ...(settings.POSTERN_EVENTS_POSTMARK ?? []).map(account => createPostmarkDoor(account, clock)),
    ...(settings.POSTERN_EVENTS_MAILGUN ?? []).map(account => createMailgunDoor(account, clock)),
    ...(settings.POSTERN_EVENTS_SENDGRID ?? []).map(account => createSendgridDoor(account, clock)),
  ];
}

/** Postmark signs nothing; a password over TLS is what it offers. */
function createPostmarkDoor({ name, secret }: Account<string>, clock: Clock): EventDoor {
  return {
    ...{ path: pathOf('postmark', name), provider: 'postmark', account: name },
    open(knock) {
      if (!isBasicLogin(headerOf(knock, 'authorization'), secret)) return { kind: 'refused', why: 'wrong-password' };
      const payload = parseJson(knock.body.toString());
      if (payload === undefined) return NOT_JSON;
      return { kind: 'events', events: readPostmarkEvents(payload, name, new Date(clock())) };
    },
  };
}

/** The signature stands in the body, beside the event. */
function createMailgunDoor({ name, secret }: Account<string>, clock: Clock): EventDoor {
  const tokens = createTokenMemory();
  return {
    ...{ path: pathOf('mailgun', name), provider: 'mailgun', account: name },
    open(knock) {
      const payload = parseJson(knock.body.toString());
      if (payload === undefined) return NOT_JSON;
      const signature = objectOf(objectOf(payload).signature);
      if (!isMailgunSignature(signature, secret)) return { kind: 'refused', why: 'wrong-signature' };
      const token = textOf(signature.token, 200);
      const isFresh = isInTime(Number(textOf(signature.timestamp, 40)) * 1_000, clock(), SKEW_MS);
      switch (tokens.meet(token, rawText(objectOf(payload)['event-data']), clock(), isFresh)) {
        case 'stale':
          return { kind: 'refused', why: 'old-timestamp' };
        case 'replayed':
          return { kind: 'refused', why: 'replayed' };
        case 'taken':
          return { kind: 'events', events: [] };
        case 'new': {
          const events = readMailgunEvents(payload, name, new Date(clock()));
          return { kind: 'events', events, taken: () => tokens.noteTaken(token) };
        }
      }
    },
  };
}

/**
 * SendGrid tries for 24 hours and signs the whole body, so an old request is a late one: what it says is authentic, and
 * the events' own ids keep them from counting twice. Five minutes would lose what an outage of ours delayed.
 */
const SENDGRID_MAX_AGE_MS = 25 * 3_600_000;

function createSendgridDoor({ name, secret }: Account<KeyObject>, clock: Clock): EventDoor {
  return {
    ...{ path: pathOf('sendgrid', name), provider: 'sendgrid', account: name },
    open(knock) {
      const timestamp = headerOf(knock, 'x-twilio-email-event-webhook-timestamp');
      const signature = headerOf(knock, 'x-twilio-email-event-webhook-signature');
      if (!isSendgridSignature({ key: secret, timestamp, signature, body: knock.body }))
        return { kind: 'refused', why: 'wrong-signature' };
      const isLate =
        !/^\d{1,12}$/.test(timestamp) || !isInTime(Number(timestamp) * 1_000, clock(), SENDGRID_MAX_AGE_MS);
      if (isLate) return { kind: 'refused', why: 'old-timestamp' };
      const payload = parseJson(knock.body.toString());
      if (!Array.isArray(payload)) return { kind: 'malformed', why: 'not a list of events' };
      return { kind: 'events', events: readSendgridEvents(payload, name, new Date(clock())) };
    },
  };
}

const NOT_JSON: Opening = { kind: 'malformed', why: 'not JSON' };
