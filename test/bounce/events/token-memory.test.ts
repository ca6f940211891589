import { expect, it } from 'vitest';
import { createTokenMemory } from '../../../bounce/events/token-memory.ts';

const SAID = '{"event":"failed"}';
const OTHER = '{"event":"failed","forged":true}';
const HOUR = 3_600_000;

it('lets a token in once', () => {
  const tokens = createTokenMemory();
  expect(tokens.meet('t', SAID, 0, true)).toBe('new');
  tokens.noteTaken('t');
  expect(tokens.meet('t', SAID, 1_000, true)).toBe('taken');
  expect(tokens.meet('t', OTHER, 1_000, true)).toBe('replayed');
});

it('lets in what could not be taken again, hours later, with the same event only', () => {
  const tokens = createTokenMemory();
  tokens.meet('t', SAID, 0, true);
  expect(tokens.meet('t', OTHER, 8 * HOUR, false)).toBe('replayed');
  expect(tokens.meet('t', SAID, 8 * HOUR, false)).toBe('new');
});

it('knows nothing of an old token that never came while it was fresh', () => {
  expect(createTokenMemory().meet('t', SAID, 0, false)).toBe('stale');
});

it('forgets after nine hours, by when a token is too old to come again', () => {
  const tokens = createTokenMemory();
  tokens.meet('t', SAID, 0, true);
  tokens.meet('u', SAID, 10 * HOUR, true);
  expect(tokens.meet('t', SAID, 10 * HOUR, false)).toBe('stale');
});

it('keeps to its size, and forgets the oldest first', () => {
  const tokens = createTokenMemory(3);
  for (const token of ['a', 'b', 'c', 'd']) tokens.meet(token, SAID, 0, true);
  expect(tokens.meet('a', SAID, 0, false)).toBe('stale');
  expect(['b', 'c', 'd'].map(token => tokens.meet(token, SAID, 0, false))).toEqual(['new', 'new', 'new']);
});
