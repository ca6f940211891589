// A gateway reduced to its database: starts it in the directory given, tells so on stdout, stops it on SIGTERM.
// The tests kill it, its server, or both.
import { openDataDirectory } from '../../../src/platform/data-directory.ts';
import { startEmbeddedPostgres } from '../../../src/platform/embedded-postgres/index.ts';

const quiet = { info() {}, warn() {}, error() {} };
const directory = await openDataDirectory(process.argv[2]!);
console.log(JSON.stringify({ pid: process.pid }));
const database = await startEmbeddedPostgres({ dataDir: directory.path, log: quiet });
console.log(JSON.stringify({ url: database.url }));
process.on('SIGTERM', async () => {
  await database.stop();
  await directory.release();
});
