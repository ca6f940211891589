import { describe, expect, test } from 'vitest';
import { explainReport } from '../../bounce/index.ts';
import { autoReplies, ordinary, samples } from './samples.ts';

function summary(message: string): string[] {
  return explainReport(Buffer.from(message)).results.map(
    one => `${one.recipient} ${one.reason} ${one.hard ? 'hard' : 'soft'}`,
  );
}

describe('formats without a machine-readable part', () => {
  test.each(samples.map(sample => [sample.name, sample] as const))('%s', (_, sample) => {
    expect(summary(sample.message)).toEqual(sample.expected);
  });
});

describe('automatic replies and challenges are no bounces', () => {
  test.each(autoReplies.map(sample => [sample.name, sample.message] as const))('%s', (_, message) => {
    expect(explainReport(Buffer.from(message)).kind).toBe('auto-reply');
  });
});

describe('ordinary mail stays ordinary', () => {
  test.each(ordinary.map(sample => [sample.name, sample.message] as const))('%s', (_, message) => {
    expect(explainReport(Buffer.from(message))).toEqual({ kind: 'not-a-bounce', format: 'none', results: [] });
  });
});
