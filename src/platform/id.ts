// Identifiers that sort by the time they were made: a ULID, 48 bits of milliseconds and 80 of randomness, in Crockford's
// base 32. Within one millisecond the random part counts up, so that ids of one process never go backwards.
import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Sixteen base-32 digits, one a byte. */
const random = new Uint8Array(16);
let lastTime = 0;

export function newId(nowMs: number): string {
  if (nowMs > lastTime) {
    lastTime = nowMs;
    refill();
  } else {
    increment();
  }
  return encodeTime(lastTime) + encodeRandom();
}

/** No id made at that time or later sorts before it. */
export function firstIdAt(ms: number): string {
  return encodeTime(ms) + ALPHABET[0]!.repeat(16);
}

export function isId(text: string): boolean {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);
}

function refill(): void {
  randomFillSync(random);
  for (let i = 0; i < 16; i += 1) random[i]! &= 31;
  // Room to count up for the rest of the millisecond.
  random[0]! &= 15;
}

function increment(): void {
  for (let i = 15; i >= 0; i -= 1) {
    if (random[i]! < 31) {
      random[i]! += 1;
      return;
    }
    random[i] = 0;
  }
}

function encodeTime(ms: number): string {
  let text = '';
  let rest = ms;
  for (let i = 0; i < 10; i += 1) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function encodeRandom(): string {
  let text = '';
  for (let i = 0; i < 16; i += 1) text += ALPHABET[random[i]!];
  return text;
}
