// What a notification says of one recipient: Action, Status and whose words they are, out of what the relay and the
// reports about it left (RFC 3464 section 2.3, RFC 3463). Pure.
import type { TellableKind } from './wanted.ts';

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

export type RecipientStatus = {
  readonly recipient: string;
  readonly orcpt: string | null;
  readonly action: DsnAction;
  readonly status: string;
  readonly said: Said | null;
  /** IP address; null where nobody was talked to. */
  readonly remoteMta: string | null;
  readonly lastAttemptAt: Date | null;
  readonly willRetryUntil: Date | null;
  /** Never tried: on the suppression list. */
  readonly isSuppressed: boolean;
};

/** `smtp`: a server's reply; `X-Postern`: ours, or a report's that quotes no reply. */
export type Said = { readonly type: 'smtp' | 'X-Postern'; readonly text: string };

/** What is known of it. */
export type Facts = {
  readonly event: TellableKind;
  readonly recipient: string;
  readonly orcpt: string | null;
  /** Why the delivery is in its state. */
  readonly reason: string | null;
  readonly expiresAt: Date;
  readonly attempt: LastAttempt | null;
  /** From the report that the event is about. */
  readonly reported: Reported | null;
};

export type LastAttempt = {
  readonly smtpCode: number | null;
  readonly enhancedStatus: string | null;
  readonly detail: string | null;
  /** `192.0.2.1:25` */
  readonly remoteAddress: string | null;
  readonly at: Date;
};

export type Reported = {
  readonly action: string | null;
  readonly status: string | null;
  /** One line, in the words of whoever said it. */
  readonly said: string | null;
};

export function statusOf(facts: Facts): RecipientStatus {
  const { event, recipient, orcpt, attempt, expiresAt } = facts;
  const action = actionOf(facts);
  const isOurs = ['failed', 'expired', 'delayed', 'delivered'].includes(event);
  return {
    ...{ recipient, orcpt, action },
    status: codeOf(facts),
    said: saidOf(facts),
    remoteMta: isOurs ? hostOf(attempt?.remoteAddress ?? null) : null,
    lastAttemptAt: isOurs ? (attempt?.at ?? null) : null,
    willRetryUntil: event === 'delayed' ? expiresAt : null,
    isSuppressed: event === 'suppressed',
  };
}

function actionOf({ event, reported }: Facts): DsnAction {
  switch (event) {
    case 'failed':
    case 'expired':
    case 'suppressed':
    case 'bounced':
    case 'rejected-by-provider':
      return 'failed';
    case 'delayed':
    case 'delay-reported':
      return 'delayed';
    // Whoever took it offered no DSN: what becomes of it there, nobody will tell (RFC 3461 section 5.2.2).
    case 'delivered':
      return 'relayed';
    case 'delivery-confirmed':
      return reported?.action === 'relayed' || reported?.action === 'expanded' ? reported.action : 'delivered';
  }
}

function codeOf({ event, attempt, reported }: Facts): string {
  const of = (classes: string, code: string | null | undefined, otherwise: string) =>
    code && /^[245]\.\d{1,3}\.\d{1,3}$/.test(code) && classes.includes(code[0]!) ? code : otherwise;
  switch (event) {
    // Not 5.1.1: nobody said that there is no such mailbox.
    case 'suppressed':
      return '5.7.1';
    // Delivery time expired.
    case 'expired':
      return '4.4.7';
    case 'failed':
      return of('5', attempt?.enhancedStatus, '5.0.0');
    case 'bounced':
    case 'rejected-by-provider':
      return of('45', reported?.status, '5.0.0');
    case 'delayed':
      return of('4', attempt?.enhancedStatus, attempt && attempt.smtpCode === null ? '4.4.1' : '4.0.0');
    case 'delay-reported':
      return of('4', reported?.status, '4.0.0');
    case 'delivered':
      return of('2', attempt?.enhancedStatus, '2.0.0');
    case 'delivery-confirmed':
      return of('2', reported?.status, '2.0.0');
  }
}

function saidOf({ event, reason, attempt, reported }: Facts): Said | null {
  switch (event) {
    case 'suppressed':
      return { type: 'X-Postern', text: `on the suppression list: ${reason ?? 'by hand'}` };
    case 'bounced':
    case 'rejected-by-provider':
    case 'delay-reported':
    case 'delivery-confirmed': {
      const text = reported?.said?.trim();
      return text ? { type: /^[245]\d\d\b/.test(text) ? 'smtp' : 'X-Postern', text } : null;
    }
    case 'failed':
    case 'expired':
    case 'delayed':
    case 'delivered': {
      if (attempt === null) return reason === null ? null : { type: 'X-Postern', text: whyUntried(reason) };
      const { smtpCode, enhancedStatus, detail } = attempt;
      const text = [smtpCode, enhancedStatus, detail].filter(part => part !== null).join(' ');
      return { type: smtpCode === null ? 'X-Postern' : 'smtp', text };
    }
  }
}

/**
 * Of what was never tried only in our own words: behind them stands what a host said last, and that may have been about
 * somebody else's mail.
 */
function whyUntried(reason: string): string {
  const [head] = reason.split(/[: ]/);
  return UNTRIED[head!] ?? 'it was not tried yet';
}

const UNTRIED: Readonly<Record<string, string>> = {
  'upstreams-down': 'no server that we pass such mail on to could be reached',
  'upstream-busy': 'more mail waits there than is taken',
  'at-once': 'more of the same mail is under way than may be at once',
  slowed: 'the receiving side asked for less mail at a time',
  'not-now': 'no server that we pass such mail on to takes more at present',
  'expired-in-queue': 'it could not be passed on in time',
};

/** `192.0.2.1:25`, `[2001:db8::1]:25` and `2001:db8::1:25` without the port. */
function hostOf(remoteAddress: string | null): string | null {
  return remoteAddress?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') ?? null;
}
