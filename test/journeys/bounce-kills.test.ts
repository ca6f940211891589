// The poller is killed while reports come in: each counts exactly once. bench/bounce-crash.ts does it for longer.
import { expect, it } from 'vitest';
import { cloneDatabase } from '../support/database.ts';
import { startDovecot } from '../support/dovecot.ts';
import { killPollers } from '../support/poller-kills.ts';
import { has, unlessInstalled } from '../support/programs.ts';

it.skipIf(!has('dovecot'))(
  `5 kills while 300 reports come in: each is counted once${unlessInstalled('dovecot')}`,
  async () => {
    const [database, dovecot] = await Promise.all([cloneDatabase(), startDovecot()]);
    try {
      const verdict = await killPollers({ database, dovecot, kills: 5, reports: 300, longestLifeMs: 250 });
      expect(verdict).toMatchObject({
        ...{ reports: 300, outcomes: 300, suppressions: 300, events: 300, repeated: 0, filed: 300, left: 5 },
      });
    } finally {
      await dovecot.stop();
      await database.drop();
    }
  },
  120_000,
);
