// The commands, and what every one of them does with an error: one clear line, exit 1 (failed) or 2
// (nothing was tried, since an argument, an option or a setting is wrong by itself).
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../platform/config.ts';
import { VERSION } from '../version.ts';
import { isExpected, isTold, UsageError } from './context.ts';
import { addExamples } from './examples.ts';

type Register = (program: Command) => void;

/** Loaded when they are run: `start` should not carry the others in memory, nor wait for them. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  start: async () => (await import('./start.ts')).registerStart,
  migrate: async () => (await import('./migrate.ts')).registerMigrate,
  doctor: async () => (await import('./doctor.ts')).registerDoctor,
  send: async () => (await import('./send.ts')).registerSend,
  credential: async () => (await import('./credential.ts')).registerCredential,
  token: async () => (await import('./token.ts')).registerToken,
  message: async () => (await import('./message.ts')).registerMessage,
  event: async () => (await import('./event.ts')).registerEvent,
  queue: async () => (await import('./queue.ts')).registerQueue,
  upstream: async () => (await import('./upstream.ts')).registerUpstream,
  route: async () => (await import('./route.ts')).registerRoute,
  domain: async () => (await import('./domain.ts')).registerDomain,
  explain: async () => (await import('./explain.ts')).registerExplain,
  suppression: async () => (await import('./suppression.ts')).registerSuppression,
  quota: async () => (await import('./quota.ts')).registerQuota,
  bounce: async () => (await import('./bounce.ts')).registerBounce,
};

const WHERE_TO_BEGIN = `
To begin with:
  npx postern start                           the gateway, in a terminal of its own
  npx postern send --to friend@example.net    a test message through it
  npx postern message find                    what became of it
  npx postern doctor                          what is wrong, and what to do

Each command has --help, and --json where it prints anything. Settings come from the environment and
from ./postern.yaml (docs/settings.md). Exit codes: 0 well, 1 failed, 2 nothing was tried, since an option or a
setting is wrong.`;

/** The exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    const program = await createProgram(argv[2]);
    await program.parseAsync([...argv]);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

/** With all commands, unless it is to be one of them. */
export async function createProgram(command?: string): Promise<Command> {
  const program = new Command('postern')
    .description('Self-hosted SMTP relay and bounce gateway')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)');
  const one =
    command !== undefined && Object.hasOwn(COMMANDS, command) ? [COMMANDS[command]!] : Object.values(COMMANDS);
  for (const load of one) (await load())(program);
  addExamples(program);
  program.addHelpText('after', command === undefined || one.length > 1 ? WHERE_TO_BEGIN : '');
  return program;
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError) {
    console.error(`postern: ${error.problems.every(isTold) ? describeNeed(error) : error.message}`);
    return 2;
  }
  console.error(`postern: ${isExpected(error) ? (error as Error).message : ((error as Error).stack ?? error)}`);
  return error instanceof UsageError ? 2 : 1;
}

/** Of problems that were told in full already, each with the name of its setting in front. */
function describeNeed({ problems }: ConfigError): string {
  const names = problems.map(problem => problem.split(':')[0]);
  return `this command needs ${names.join(' and ')}, and cannot do without`;
}
