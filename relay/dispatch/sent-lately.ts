// How many went somewhere in the last ten seconds, about: two counts, of this stretch of time and of the one before it. Pure.

const STRETCH_MS = 10_000;

export type SentLately = { from: number; count: number; before: number };

export const noneSent = (now: number): SentLately => ({ from: now, count: 0, before: 0 });

/** In place: one for each message, and nothing else would make garbage of it. */
export function countSent(sent: SentLately, now: number): void {
  moveOn(sent, now);
  sent.count += 1;
}

export function sentPerSecond(sent: SentLately, now: number): number {
  moveOn(sent, now);
  const stillInSight = 1 - (now - sent.from) / STRETCH_MS;
  return (sent.count + sent.before * stillInSight) / (STRETCH_MS / 1_000);
}

function moveOn(sent: SentLately, now: number): void {
  const stretches = Math.floor((now - sent.from) / STRETCH_MS);
  if (stretches < 1) return;
  sent.before = stretches === 1 ? sent.count : 0;
  sent.count = 0;
  sent.from += stretches * STRETCH_MS;
}
