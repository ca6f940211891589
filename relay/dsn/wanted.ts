// Whether something that happened to a delivery is told to whoever sent it, by mail: RFC 3461 sections 4.1 and 5.2, and
// what keeps mail from causing mail for ever. Pure; the rule is said beside the answer.
import { fieldValue, type Header } from '../../src/mail/header.ts';
import type { DeliveryState, EventKind } from '../../src/mail/outcome.ts';
import type { DsnPolicy } from '../../src/mail/submission.ts';

export type DsnKind = 'failure' | 'delay' | 'success';

/** Events that a notification may follow from. */
export type TellableKind = Extract<
  EventKind,
  | 'failed'
  | 'expired'
  | 'suppressed'
  | 'delayed'
  | 'bounced'
  | 'rejected-by-provider'
  | 'delay-reported'
  | 'delivery-confirmed'
  | 'delivered'
>;

export type Occasion = {
  readonly event: TellableKind;
  /** NOTIFY= as it came; null: it did not. */
  readonly notify: string | null;
  readonly policy: DsnPolicy;
  readonly reversePath: string | null;
  /** As it is now. */
  readonly state: DeliveryState;
};

/** By its header: returned mail and the like, what a program sent by itself, or neither. */
export type Nature = 'report' | 'automatic' | 'ordinary';

export type Wish = {
  /** null: nobody is told. */
  readonly kind: DsnKind | null;
  readonly rule: string;
};

const KINDS: Readonly<Record<TellableKind, DsnKind>> = {
  failed: 'failure',
  expired: 'failure',
  suppressed: 'failure',
  bounced: 'failure',
  'rejected-by-provider': 'failure',
  delayed: 'delay',
  'delay-reported': 'delay',
  delivered: 'success',
  'delivery-confirmed': 'success',
};

export function wishFor(occasion: Occasion, nature: Nature): Wish {
  const { event, notify, policy, reversePath, state } = occasion;
  const kind = KINDS[event];
  const none = (rule: string): Wish => ({ kind: null, rule });
  if (reversePath === null) return none('null-reverse-path');
  if (/^"?mailer-daemon"?@/i.test(reversePath)) return none('to-a-mailer-daemon');
  if (nature === 'report') return none('about-a-report');
  if (policy === 'never') return none('credential-says-never');
  if (event === 'delayed' && state !== 'queued') return none('late-no-more');
  if (notify !== null) return isAsked(notify, kind) ? { kind, rule: 'notify-asks' } : none('notify-does-not-ask');
  if (policy === 'asked') return none('nobody-asked');
  if (kind === 'success') return none('success-is-told-on-request');
  return nature === 'automatic' ? none('about-automatic-mail') : { kind, rule: 'told-unasked' };
}

function isAsked(notify: string, kind: DsnKind): boolean {
  return notify.toUpperCase().split(',').includes(kind.toUpperCase());
}

/** Who asks by NOTIFY= is told of automatic mail too; of a report nobody is, as it may be about one of ours. */
export function natureOf(content: Buffer, header: Header): Nature {
  const value = (name: string) => fieldValue(content, header, name, 200)?.toLowerCase() ?? '';
  if (/^multipart\/report\b/.test(value('content-type'))) return 'report';
  const suppressed = value('x-auto-response-suppress').split(/[\s,]+/);
  if (suppressed.includes('all') || suppressed.includes('ndr')) return 'automatic';
  const autoSubmitted = value('auto-submitted');
  return autoSubmitted === '' || /^no\b/.test(autoSubmitted) ? 'ordinary' : 'automatic';
}
