/** The smallest program around the command, until the command line proper takes it in. */
import { Command } from 'commander';
import { registerBounce } from '../../src/cli/bounce.ts';

const program = new Command('postern');
registerBounce(program);
await program.parseAsync(process.argv);
