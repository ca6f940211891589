// Haraka with its default settings, and the least that makes it a relay: take everything, one fixed upstream.
// It is no dependency of Postern: it is looked for where a person may have put it.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeDhParameters } from '../certificate.ts';
import { isListening } from '../workspace.ts';
import { type Finding, launch, type Relay, type RunningRelay, type Site, stopTree } from './relay.ts';

const VERSION = '3.3.4';
const CACHE = join(homedir(), '.cache', 'postern-bench');
/** Its own files: without connection.ini it fails at the first connection (3.3.4). */
const SHIPPED = ['connection.ini', 'log.ini', 'outbound.ini'];

/** `prefix` is an npm prefix to look into first. */
export function haraka(prefix?: string): Relay {
  return {
    name: 'haraka',
    find: () => find(prefix),
    start: site => start(site, packageDirectory(prefix)!),
  };
}

function find(prefix?: string): Finding {
  const directory = packageDirectory(prefix);
  if (!directory) return { kind: 'absent', why: `not installed (npm install --prefix ${CACHE} haraka@${VERSION})` };
  const manifest: { version: string } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  return { kind: 'found', version: manifest.version };
}

/** The package was called Haraka until 3.1 and is haraka since. */
function packageDirectory(prefix?: string): string | undefined {
  const globals = [join(dirname(process.execPath), '../lib'), '/usr/local/lib', '/usr/lib'];
  return [...(prefix ? [prefix] : []), CACHE, ...globals]
    .flatMap(base => ['haraka', 'Haraka'].map(name => join(base, 'node_modules', name)))
    .find(directory => existsSync(join(directory, 'bin/haraka')));
}

async function start(site: Site, directory: string): Promise<RunningRelay> {
  for (const name of ['config', 'plugins', 'queue']) mkdirSync(join(site.home, name), { recursive: true });
  for (const name of SHIPPED) copyFileSync(join(directory, 'config', name), join(site.home, 'config', name));
  for (const [name, text] of Object.entries(files(site))) writeFileSync(join(site.home, name), text);
  const { tree } = await launch({
    program: process.execPath,
    args: [join(directory, 'bin/haraka'), '-c', site.home],
    home: site.home,
    isReady: () => isListening(site.smtpPort),
  });
  return { tree, smtpPort: site.smtpPort, stop: () => stopTree(tree) };
}

function files(site: Site): Record<string, string> {
  return {
    'config/me': 'haraka.bench.example\n',
    'config/smtp.ini': `listen=127.0.0.1:${site.smtpPort}\n`,
    'config/plugins': 'tls\nbench\n',
    'config/tls.ini': 'key=tls_key.pem\ncert=tls_cert.pem\ndhparam=dhparams.pem\n',
    'config/tls_key.pem': readFileSync(site.certificate.key, 'utf8'),
    'config/tls_cert.pem': readFileSync(site.certificate.cert, 'utf8'),
    'config/dhparams.pem': makeDhParameters(),
    'plugins/bench.js': plugin(site.upstreamPort),
  };
}

/** The client's name is given too, as the others find it in /etc/hosts: Haraka would ask a name server out on the network. */
function plugin(upstreamPort: number): string {
  return `exports.register = function () {
  this.register_hook('lookup_rdns', 'client_name');
  this.register_hook('connect', 'allow');
  this.register_hook('get_mx', 'route');
};
exports.client_name = function (next) {
  next(OK, 'localhost');
};
exports.allow = function (next, connection) {
  connection.relaying = true;
  next();
};
exports.route = function (next) {
  next(OK, { priority: 0, exchange: '127.0.0.1', port: ${upstreamPort} });
};
`;
}
