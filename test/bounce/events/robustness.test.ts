// Authentic does not mean well-formed: the readers answer to any JSON, and what they answer fits PostgreSQL and a log.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, parseJson } from '../../../bounce/events/json.ts';
import { readMailgunEvents } from '../../../bounce/events/mailgun.ts';
import { readPostmarkEvents } from '../../../bounce/events/postmark.ts';
import type { ProviderEvent } from '../../../bounce/events/provider-event.ts';
import { readSendgridEvents } from '../../../bounce/events/sendgrid.ts';
import { readSesEvents } from '../../../bounce/events/ses.ts';
import { mailgunEvent, postmarkBounce, sendgridEvent, sesBounce, sesComplaint } from './payloads.ts';

const RECEIVED = new Date('2026-11-20T10:00:05Z');
const READERS = [readSesEvents, readPostmarkEvents, readMailgunEvents, readSendgridEvents];
const readAll = (payload: unknown) => READERS.flatMap(read => read(payload, null, RECEIVED));

function check(events: readonly ProviderEvent[]): void {
  for (const event of events) {
    expect(event.recipients.length).toBeGreaterThan(0);
    expect(event.eventId).toMatch(/^[^\u0000-\u001f]{1,300}$/);
    expect(Number.isNaN(event.at.getTime())).toBe(false);
    for (const one of event.recipients) {
      expect(one.address).toContain('@');
      expect(`${one.address}${one.diagnostic}${one.rule}`).not.toMatch(/[\u0000-\u001f\u007f]/);
      expect(one.diagnostic.isWellFormed()).toBe(true);
      expect(one.hard && event.kind !== 'bounced').toBe(false);
    }
  }
}

describe('any JSON gets an answer', () => {
  it('random values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => check(readAll(value))),
      { numRuns: 300 },
    );
  });

  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>('', ' ', '\u0000a@b.c\r\n', '<>', 'a@b.c, d@e.f', '\ud800', -1, 1e308, '9'.repeat(4_000)),
    fc.constantFrom<unknown>('__proto__', 'constructor', 'toString/valueOf', null, [], {}, [[[]]]),
    fc.constantFrom<unknown>(
      'Bounce',
      'Complaint',
      'DeliveryDelay',
      'Reject',
      'Subscription',
      'failed',
      'dropped',
      '550',
    ),
  );
  const seeds: unknown[] = [
    sesBounce(),
    sesComplaint(),
    postmarkBounce(),
    { signature: {}, ...mailgunEvent() },
    [sendgridEvent(), sendgridEvent({ event: 'deferred' })],
  ];

  it('real payloads with any one or two of their values replaced', () => {
    const mutation = fc.record({
      seed: fc.constantFrom(...seeds),
      changes: fc.array(fc.tuple(fc.nat(), odd), { maxLength: 2 }),
    });
    const property = fc.property(mutation, ({ seed, changes }) => {
      let payload: unknown = structuredClone(seed);
      // A copy: the second change may go into what the first one put there, and that may be the same value.
      for (const [at, value] of changes) payload = replaceAt(payload, at, structuredClone(value));
      check(readAll(payload));
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  it('nesting that would overflow the stack of whoever walks it', () => {
    expect(parseJson('['.repeat(400_000) + ']'.repeat(400_000))).toBeUndefined();
    let deep: unknown = 'x';
    for (let i = 0; i < 100_000; i++) deep = { Metadata: deep };
    check(readAll({ ...postmarkBounce(), Metadata: deep }));
  });

  it('names from the prototype mean nothing', () => {
    const payload = parseJson(
      '{"RecordType":"Bounce","Type":"constructor","Email":"a@b.example","__proto__":{"ID":7}}',
    );
    const [event] = readPostmarkEvents(payload, null, RECEIVED);
    expect(event).toMatchObject({ kind: 'bounced', recipients: [{ reason: 'unknown', hard: false }] });
    expect(event!.eventId).not.toContain('7');
    expect(({} as { ID?: unknown }).ID).toBeUndefined();
  });
});

describe('parseJson', () => {
  it.each<[string, unknown]>([
    ['{"a":[1,{"b":"]}"}]}', { a: [1, { b: ']}' }] }],
    ['"\\\\\\"["', '\\"['],
    ['null', null],
    ['', undefined],
    ['{', undefined],
    ['[1]garbage', undefined],
    ['"never ends', undefined],
  ])('%s', (text, expected) => expect(parseJson(text)).toEqual(expected));

  it('reads 64 levels and no more', () => {
    expect(parseJson('['.repeat(64) + ']'.repeat(64))).toBeDefined();
    expect(parseJson('['.repeat(65) + ']'.repeat(65))).toBeUndefined();
  });
});

it('a digest does not depend on where one fact ends', () => {
  expect(digestOf('ab', 'c')).not.toBe(digestOf('a', 'bc'));
});

/** The value at the n-th leaf or branch, counted around. */
function replaceAt(payload: unknown, at: number, value: unknown): unknown {
  const places: { holder: Record<string, unknown>; key: string }[] = [];
  const walk = (one: unknown) => {
    if (typeof one !== 'object' || one === null) return;
    for (const key of Object.keys(one)) {
      places.push({ holder: one as Record<string, unknown>, key });
      walk((one as Record<string, unknown>)[key]);
    }
  };
  walk(payload);
  const place = places[at % Math.max(places.length, 1)];
  if (place) place.holder[place.key] = value;
  return payload;
}
