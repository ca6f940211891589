// What becomes of a message, as states and as events. The same words stand in types, columns, log, metrics and pages.

export type DeliveryState =
  | 'queued'
  | 'held'
  | 'captured'
  | 'delivered'
  | 'failed'
  | 'expired'
  | 'suppressed'
  | 'cancelled';

export type EventKind =
  | 'accepted'
  | 'captured'
  | 'released'
  | 'cancelled'
  | 'suppressed'
  | 'scheduled'
  | 'held'
  /** The same submission came again; nothing was stored. */
  | 'repeated'
  | 'attempt-failed'
  | 'deferred'
  | 'delivered'
  | 'failed'
  | 'expired'
  | 'retried'
  | 'quota-warning'
  | 'quota-exhausted'
  // About a domain, not a message.
  | 'domain-ok'
  | 'domain-broken'
  | 'dkim-key-signs';
