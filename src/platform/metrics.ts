// Prometheus metrics. One registry for each gateway, so that tests in one process do not add up.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { BusiestNames } from './busiest-names.ts';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const NAMED_DOMAINS = 50;
const ATTEMPT_RESULTS = ['accepted', 'refused', 'unreachable', 'uncertain'];

export type Metrics = ReturnType<typeof createMetrics>;

/** `countQueued` is asked at each scrape. */
export function createMetrics(countQueued: () => Promise<number>) {
  const registry = new Registry();
  const registers = [registry];
  const recipientDomainAttempts = new Counter({
    name: 'postern_recipient_domain_attempts_total',
    help: 'Attempts by recipient domain and result: the busiest domains by name, all others as other',
    labelNames: ['domain', 'result'],
    registers,
  });
  // A name that is given up takes its series along: there are never more than so many.
  const domains = new BusiestNames(NAMED_DOMAINS, domain => {
    for (const result of ATTEMPT_RESULTS) recipientDomainAttempts.remove({ domain, result });
  });
  return {
    registry,
    sessions: new Gauge({
      name: 'postern_smtp_sessions',
      help: 'SMTP sessions open now, of strangers and of clients that said who they are',
      labelNames: ['kind'],
      registers,
    }),
    sessionsRefused: new Counter({
      name: 'postern_smtp_sessions_refused_total',
      help: 'Connections for which there was no room, by what was full',
      labelNames: ['rule'],
      registers,
    }),
    failedLogins: new Counter({
      name: 'postern_failed_logins_total',
      help: 'Logins refused, or throttled without a look at the password',
      labelNames: ['result'],
      registers,
    }),
    accepted: new Counter({
      name: 'postern_messages_accepted_total',
      help: 'Messages that got their 250',
      labelNames: ['mode'],
      registers,
    }),
    refused: new Counter({
      name: 'postern_messages_refused_total',
      help: 'Messages refused or deferred at the door',
      labelNames: ['rule'],
      registers,
    }),
    repeated: new Counter({
      name: 'postern_messages_repeated_total',
      help: 'Submissions that came again and were answered with the message that they repeat',
      registers,
    }),
    quotaCharges: new Counter({
      name: 'postern_quota_charges_total',
      help: 'Messages that a quota applied to, by what it made of them',
      labelNames: ['outcome'],
      registers,
    }),
    acceptSeconds: new Histogram({
      name: 'postern_accept_seconds',
      help: 'From the last dot to the 250',
      buckets: SECONDS,
      registers,
    }),
    attempts: new Counter({
      name: 'postern_attempts_total',
      help: 'Attempts by upstream and result, and who was at fault',
      labelNames: ['upstream', 'result', 'stage', 'scope'],
      registers,
    }),
    recipientDomainAttempts,
    /** Under which name attempts at a domain are counted: its own, or `other`. */
    domainLabel: (domain: string) => domains.nameOf(domain.toLowerCase()),
    settled: new Counter({
      name: 'postern_deliveries_settled_total',
      help: 'Deliveries by the state that they came to',
      labelNames: ['state'],
      registers,
    }),
    deliverySeconds: new Histogram({
      name: 'postern_delivery_seconds',
      help: 'From acceptance to the upstream taking the message',
      buckets: SECONDS,
      registers,
    }),
    upstreamUp: new Gauge({
      name: 'postern_upstream_up',
      help: '1 while the upstream is believed to take mail',
      labelNames: ['upstream'],
      registers,
    }),
    slowedPairs: new Gauge({
      name: 'postern_slowed_pairs',
      help: 'Recipient domains, or the whole upstream, that are slowed down now',
      labelNames: ['upstream'],
      registers,
    }),
    circuitOpen: new Gauge({
      name: 'postern_circuit_open',
      help: '1 while the circuit of the upstream is open for that cause',
      labelNames: ['upstream', 'cause'],
      registers,
    }),
    routeOnFallback: new Gauge({
      name: 'postern_route_on_fallback',
      help: '1 while no upstream of the first group of the route takes mail, and others do instead',
      labelNames: ['route'],
      registers,
    }),
    fallbackDeliveries: new Counter({
      name: 'postern_fallback_deliveries_total',
      help: 'Deliveries that an upstream behind the first group of their route took',
      labelNames: ['route', 'upstream'],
      registers,
    }),
    providerRequests: new Counter({
      name: 'postern_provider_requests_total',
      help: 'Requests to the event paths by provider and what became of them',
      labelNames: ['provider', 'outcome'],
      registers,
    }),
    providerEvents: new Counter({
      name: 'postern_provider_events_total',
      help: 'Events that providers told us, by provider and kind',
      labelNames: ['provider', 'kind'],
      registers,
    }),
    reports: new Counter({
      name: 'postern_reports_total',
      help: 'Bounces, complaints and other reports recorded',
      labelNames: ['kind'],
      registers,
    }),
    outcomes: new Counter({
      name: 'postern_outcomes_total',
      help: 'What reports and final refusals said of recipients, and what was done',
      labelNames: ['reason', 'decision'],
      registers,
    }),
    dsns: new Counter({
      name: 'postern_dsns_total',
      help: 'Delivery status notifications made, by kind',
      labelNames: ['kind'],
      registers,
    }),
    mailboxUp: new Gauge({
      name: 'postern_mailbox_up',
      help: '1 while the bounce mailbox can be read',
      labelNames: ['mailbox'],
      registers,
    }),
    queued: new Gauge({
      name: 'postern_deliveries_queued',
      help: 'Deliveries waiting or being tried',
      registers,
      async collect() {
        // Without the database the other figures are wanted most of all.
        this.set(await countQueued().catch(() => Number.NaN));
      },
    }),
  };
}
