// Kills the poller of a bounce mailbox at random moments while reports come in, and counts. A proof, not a measurement:
// each report must be recorded, counted and acted upon exactly once, and be filed in the end. Needs Debian's Dovecot.
// Exit 1 when anything was counted twice, or not at all.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { Kysely } from 'kysely';
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres/index.ts';
import { createLog } from '../src/platform/log.ts';
import { createDatabase, createPool } from '../src/platform/postgres.ts';
import { migrate } from '../src/store/migrate.ts';
import { startDovecot } from '../test/support/dovecot.ts';
import { type KillVerdict, killPollers } from '../test/support/poller-kills.ts';
import { count } from './options.ts';

interface Options {
  readonly times: number;
  readonly reports: number;
  readonly life: number;
}

const options = new Command('bounce-crash')
  .description('Kills the poller again and again while reports come in, and proves that each counts exactly once.')
  .option('--times <n>', 'how often', count, 50)
  .option('--reports <n>', 'how many reports come in', count, 2_000)
  .option('--life <ms>', 'how long a poller lives at most, once it is ready', count, 400)
  .parse()
  .opts<Options>();
process.exitCode = await crash(options);

async function crash({ times, reports, life }: Options): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'bounce-crash-'));
  const log = createLog('silent');
  const server = await startEmbeddedPostgres({ dataDir, log });
  const pool = createPool(server.url, { max: 2, name: 'bounce-crash', log });
  const dovecot = await startDovecot();
  try {
    await migrate(createDatabase<never>(pool) as Kysely<never>);
    const rows = async <Row>(sql: string, ...values: unknown[]) => (await pool.query(sql, values)).rows as Row[];
    const verdict = await killPollers({
      ...{ database: { url: server.url, rows }, dovecot, kills: times, reports, longestLifeMs: life },
      onKill: (kill, recorded) => console.error(`  ${kill}/${times} killed: ${recorded} recorded`),
    });
    return report(verdict, reports, times);
  } finally {
    await dovecot.stop();
    await pool.end();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

function report(verdict: KillVerdict, wanted: number, times: number): number {
  const { reports, outcomes, suppressions, events, repeated, filed, left, inTheMiddle } = verdict;
  console.log(`poller killed ${times} times, ${inTheMiddle} of them with reports waiting
  reports came in  ${wanted}
  recorded         ${reports}
  counted          ${outcomes}, told on timelines ${events}, counted again ${repeated}
  suppressed       ${suppressions}
  filed            ${filed}, people's letters left alone ${left}`);
  return [reports, outcomes, suppressions, events, filed].every(n => n === wanted) && repeated === 0 ? 0 : 1;
}
