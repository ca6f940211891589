// The command line's table of contents. Loaded by bin/postern.js.
import { run } from './cli/program.ts';

process.exitCode = await run(process.argv);
