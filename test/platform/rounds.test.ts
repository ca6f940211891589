// Background work: at once while there is more, quietly after trouble, and never cut off in the middle.
import { expect, it } from 'vitest';
import { startRounds } from '../../src/platform/rounds.ts';

const HOUR_MS = 3_600_000;

it('goes on at once while there is more to do, and waits when there is not', async () => {
  let left = 5;
  const done = Promise.withResolvers<void>();
  const rounds = startRounds({
    round: async () => {
      left -= 1;
      if (left === 0) done.resolve();
      return left > 0;
    },
    ...{ everyMs: HOUR_MS, afterTroubleMs: HOUR_MS, onTrouble: () => undefined },
  });
  await done.promise;
  await rounds.stop();
  expect(left).toBe(0);
});

it('tells of trouble, and tries again', async () => {
  const troubles: unknown[] = [];
  const done = Promise.withResolvers<void>();
  const rounds = startRounds({
    round: async () => {
      if (troubles.length < 2) throw new Error('database away');
      done.resolve();
      return false;
    },
    ...{ everyMs: HOUR_MS, afterTroubleMs: 1 },
    onTrouble: error => troubles.push((error as Error).message),
  });
  await done.promise;
  await rounds.stop();
  expect(troubles).toEqual(['database away', 'database away']);
});

it('stops after the round under way, not in it', async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let ended = false;
  const rounds = startRounds({
    round: async () => {
      begun.resolve();
      await goOn.promise;
      ended = true;
      return true;
    },
    ...{ everyMs: HOUR_MS, afterTroubleMs: HOUR_MS, onTrouble: () => undefined },
  });
  await begun.promise;
  const stopped = rounds.stop();
  goOn.resolve();
  await stopped;
  expect(ended).toBe(true);
});
