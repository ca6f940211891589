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
  /** Still queued some hours after it was to begin. */
  | 'delayed'
  /** A delivery status notification of ours was made about it. */
  | 'dsn-sent'
  | 'retried'
  | 'quota-warning'
  | 'quota-exhausted'
  // About a domain, not a message.
  | 'domain-ok'
  | 'domain-broken'
  | 'dkim-key-signs'
  // About an upstream: its circuit opened, closed.
  | 'upstream-down'
  | 'upstream-up'
  // About an upstream and a recipient domain that it, or its hosts, asked us to be slower for.
  | 'pair-slowed'
  | 'pair-recovered'
  // About a route: nobody of its first group takes mail, and others do instead.
  | 'fallback-began'
  | 'fallback-ended'
  | ReturnedKind
  | 'address-suppressed'
  | AlarmKind;

/** What came back about a delivery. `report-unproven` may be anybody's invention: shown, and acted upon by nobody. */
export type ReturnedKind =
  | 'bounced'
  | 'complained'
  | 'delay-reported'
  | 'delivery-confirmed'
  | 'auto-replied'
  | 'rejected-by-provider'
  | 'report-unproven';

/** About a domain, or about the house: a person should look. */
export type AlarmKind = 'bounce-alarm' | 'suppressions-capped';
