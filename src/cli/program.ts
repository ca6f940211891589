// The commands, and what every one of them does with an error: one clear line, exit 1 (failed) or 2 (bad usage).
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../platform/config.ts';
import { VERSION } from '../version.ts';
import { Failure } from './context.ts';
import { registerCredential } from './credential.ts';
import { registerDoctor } from './doctor.ts';
import { registerMessage } from './message.ts';
import { registerMigrate } from './migrate.ts';
import { registerQueue } from './queue.ts';
import { registerSend } from './send.ts';
import { registerStart } from './start.ts';
import { registerUpstream } from './upstream.ts';

/** The exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync([...argv]);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

function createProgram(): Command {
  const program = new Command('postern')
    .description('Self-hosted SMTP relay and bounce-processing gateway')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)');
  for (const register of [
    registerStart,
    registerMigrate,
    registerDoctor,
    registerSend,
    registerCredential,
    registerMessage,
    registerQueue,
    registerUpstream,
  ]) {
    register(program);
  }
  return program;
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError) {
    console.error(`postern: ${error.message}`);
    return 2;
  }
  const expected = error instanceof Failure || (error as NodeJS.ErrnoException).code !== undefined || isOurs(error);
  console.error(`postern: ${expected ? (error as Error).message : ((error as Error).stack ?? error)}`);
  return 1;
}

/** Errors that parts of ours word for the operator. */
function isOurs(error: unknown): boolean {
  return ['DataDirectoryError', 'EmbeddedPostgresError', 'PostgresError'].includes((error as Error).name);
}
