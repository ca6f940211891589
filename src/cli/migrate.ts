// `postern migrate`: brings the database up to date without starting the gateway.
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { migrate } from '../store/migrate.ts';
import { printJson, withStore } from './context.ts';

export function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .description('run the database migrations that are still missing')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const ran = await withStore(({ db }) => migrate(db as unknown as Kysely<never>), { mayCreate: true });
      if (json) printJson({ migrations: ran });
      else console.log(ran.length === 0 ? 'The database is up to date.' : `Ran ${ran.join(', ')}.`);
    });
}
