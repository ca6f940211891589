/** What of ours an event carries, wherever the provider put it. */
import { readDeliveryMark } from '../../src/mail/provider-fields.ts';
import { addressOf } from '../report/address.ts';
import { textOf } from './json.ts';
import type { OurId } from './provider-event.ts';

/** Marks first: they name the delivery. */
export function ourIds(marks: readonly unknown[], returnPaths: readonly unknown[] = []): OurId[] {
  const deliveries = marks.map(mark => readDeliveryMark(textOf(mark))).filter(mark => mark !== null);
  const addresses = returnPaths.map(readAddress).filter(address => address !== null);
  return [
    ...deliveries.slice(0, 3).map(mark => ({ kind: 'delivery' as const, ...mark })),
    ...addresses.slice(0, 3).map(address => ({ kind: 'return-path' as const, address })),
  ];
}

export function readAddress(value: unknown): string | null {
  return addressOf(textOf(value));
}

/** Without angle brackets; null when there is none. */
export function readMessageId(value: unknown): string | null {
  const text = textOf(value, 998).replace(/^<|>$/g, '');
  return text === '' ? null : text;
}
