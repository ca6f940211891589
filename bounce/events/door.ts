/** One path at which one account of a provider reports. Whoever knocks is a stranger until the signature says otherwise. */
import type { ProviderKind } from '../../src/mail/provider-fields.ts';
import type { ProviderEvent } from './provider-event.ts';

export type EventDoor = {
  readonly path: string;
  readonly provider: ProviderKind;
  readonly account: string | null;
  open(knock: Knock): Opening | Promise<Opening>;
};

export type Knock = {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes as they came: signatures are over those. */
  readonly body: Buffer;
};

export type Opening =
  /** Authentic. `taken` is called once the events are kept; until then the provider's next try must get in. */
  | { readonly kind: 'events'; readonly events: readonly ProviderEvent[]; readonly taken?: () => void }
  | { readonly kind: 'subscribed' | 'unsubscribed'; readonly topic: string }
  /** Not believed. */
  | { readonly kind: 'refused'; readonly why: Refusal }
  /** Not understood, or authentic and still nonsense. */
  | { readonly kind: 'malformed'; readonly why: string }
  /** It may be authentic, and could not be looked into now. */
  | { readonly kind: 'unavailable'; readonly why: string; readonly cause?: unknown };

export type Refusal =
  | 'wrong-password'
  | 'wrong-signature'
  | 'old-timestamp'
  | 'replayed'
  | 'topic-not-listed'
  | 'raw-delivery'
  | 'foreign-certificate'
  | 'unusable-certificate'
  | 'foreign-subscription';

export function pathOf(provider: ProviderKind, account: string | null): string {
  return account === null ? `/events/${provider}` : `/events/${provider}/${account}`;
}

export function headerOf(knock: Knock, name: string): string {
  const value = knock.headers[name];
  return typeof value === 'string' ? value : '';
}

/** Clocks differ by that much, in either direction. */
export const SKEW_MS = 300_000;

/** False for what is no time at all. */
export function isInTime(timeMs: number, nowMs: number, maxAgeMs: number): boolean {
  return timeMs >= nowMs - maxAgeMs && timeMs <= nowMs + SKEW_MS;
}
